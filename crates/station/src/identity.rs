//! What every row says about this station, and how its flows are named.

use trigpoint_process::VERSION;
use trigpoint_process::host::Host;
use trigpoint_record::{FlowIdPrefix, Station};

/// In Kubernetes the chart sets these from the pod and the fleet.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Identity")]
pub(crate) struct Identity {
    /// Site, such as lga03
    #[arg(
        long,
        env = "TRIGPOINT_SITE",
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    site: String,
    /// Node on which the station runs; the host name if not given
    #[arg(long, env = "TRIGPOINT_MACHINE", value_name = "NAME")]
    machine: Option<String>,
    /// Kubernetes pod
    #[arg(
        long,
        env = "TRIGPOINT_POD",
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    pod: String,
    /// Revision of the fleet's specification
    #[arg(
        long,
        env = "TRIGPOINT_REVISION",
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    revision: String,
    /// Arm of a rollout: stable or canary
    #[arg(
        long,
        env = "TRIGPOINT_ARM",
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    arm: String,
    /// Digest of the container image
    #[arg(
        long,
        env = "TRIGPOINT_IMAGE_DIGEST",
        value_name = "DIGEST",
        default_value = "",
        hide_default_value = true
    )]
    image_digest: String,
}

impl Identity {
    /// The pod's name if there is one.
    pub(crate) fn name<'a>(&'a self, host: &'a Host) -> &'a str {
        if self.pod.is_empty() { &host.name } else { &self.pod }
    }

    /// Two pods of a node never share a prefix.
    pub(crate) fn prefix(&self, host: &Host) -> FlowIdPrefix {
        FlowIdPrefix::new(self.name(host), host.boot_time_s)
    }

    pub(crate) fn station(&self, host: &Host) -> Station {
        Station {
            site: self.site.clone(),
            machine: self.machine.clone().unwrap_or_else(|| host.name.clone()),
            pod: self.pod.clone(),
            revision: self.revision.clone(),
            arm: self.arm.clone(),
            image_digest: self.image_digest.clone(),
            software_version: VERSION.to_owned(),
            kernel_release: host.kernel_release.clone(),
            virtualisation: host.virtualisation.clone().unwrap_or_default(),
        }
    }
}
