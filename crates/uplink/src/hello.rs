//! The first message of every stream.

use trigpoint_record::{Station, TABLES};
use trigpoint_wire::{ingest, schema};

pub(crate) fn hello(spool_id: &str, station: &Station) -> ingest::Hello {
    ingest::Hello {
        spool_id: spool_id.to_owned(),
        station: Some(identity(station)),
        tables: TABLES.iter().map(|table| schema(table)).collect(),
    }
}

fn identity(station: &Station) -> ingest::Station {
    ingest::Station {
        site: station.site.clone(),
        machine: station.machine.clone(),
        pod: station.pod.clone(),
        revision: station.revision.clone(),
        arm: station.arm.clone(),
        image_digest: station.image_digest.clone(),
        software_version: station.software_version.clone(),
        kernel_release: station.kernel_release.clone(),
        virtualisation: station.virtualisation.clone(),
    }
}
