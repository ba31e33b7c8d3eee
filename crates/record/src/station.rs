//! Who measured: the same columns in every row of every table.

use crate::cell::{self, Cell, columns};
use crate::{Column, Kind, Value};

/// A station as its rows name it.  An empty text means unknown and is stored
/// as NULL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Station {
    /// Site, such as `lga03`.
    pub site: String,
    /// Node or host name.
    pub machine: String,
    /// Kubernetes pod.
    pub pod: String,
    /// Revision of the fleet's specification.
    pub revision: String,
    /// `stable` or `canary`.
    pub arm: String,
    /// Digest of the container image.
    pub image_digest: String,
    /// Trigpoint's version.
    pub software_version: String,
    /// `uname -r`.
    pub kernel_release: String,
    /// Hypervisor or container engine in systemd-detect-virt's words, or `none`.
    pub virtualisation: String,
}

const CELLS: &[Cell<Station>; 9] = &[
    Cell::new(900, "site", Kind::Text, "", "Site of the station.", |row| Value::known(&row.site)),
    Cell::new(901, "machine", Kind::Text, "", "Node or host on which the station runs.", |row| {
        Value::known(&row.machine)
    }),
    Cell::new(902, "pod", Kind::Text, "", "Kubernetes pod of the station.", |row| {
        Value::known(&row.pod)
    }),
    Cell::new(
        903,
        "revision",
        Kind::Text,
        "",
        "Revision of the fleet's specification that the station follows.",
        |row| Value::known(&row.revision),
    ),
    Cell::new(904, "arm", Kind::Text, "", "Arm of a rollout: stable or canary.", |row| {
        Value::known(&row.arm)
    }),
    Cell::new(905, "image_digest", Kind::Text, "", "Digest of the container image.", |row| {
        Value::known(&row.image_digest)
    }),
    Cell::new(906, "software_version", Kind::Text, "", "Version of Trigpoint.", |row| {
        Value::known(&row.software_version)
    }),
    Cell::new(907, "kernel_release", Kind::Text, "", "Kernel of the machine (uname -r).", |row| {
        Value::known(&row.kernel_release)
    }),
    Cell::new(
        908,
        "virtualisation",
        Kind::Text,
        "",
        "Hypervisor or container engine in the words of systemd-detect-virt; none on bare metal.",
        |row| Value::known(&row.virtualisation),
    ),
];

/// The columns that name a station.
pub const STATION_COLUMNS: &[Column] = &columns(CELLS);

impl Station {
    /// The values of [`STATION_COLUMNS`].
    pub(crate) fn values(&self) -> impl Iterator<Item = Value> + '_ {
        cell::values(CELLS, self)
    }

    /// The texts of [`STATION_COLUMNS`]; `None` where unknown.
    pub(crate) fn texts(&self) -> [Option<&str>; 9] {
        [
            &self.site,
            &self.machine,
            &self.pod,
            &self.revision,
            &self.arm,
            &self.image_digest,
            &self.software_version,
            &self.kernel_release,
            &self.virtualisation,
        ]
        .map(|text| Some(text.as_str()).filter(|text| !text.is_empty()))
    }
}
