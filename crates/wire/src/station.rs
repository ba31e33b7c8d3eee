//! The station's identity in a Hello.

use trigpoint_record::Station;

use crate::ingest;

impl From<Station> for ingest::Station {
    fn from(station: Station) -> Self {
        Self {
            site: station.site,
            machine: station.machine,
            pod: station.pod,
            revision: station.revision,
            arm: station.arm,
            image_digest: station.image_digest,
            software_version: station.software_version,
            kernel_release: station.kernel_release,
            virtualisation: station.virtualisation,
        }
    }
}

impl From<ingest::Station> for Station {
    fn from(station: ingest::Station) -> Self {
        Self {
            site: station.site,
            machine: station.machine,
            pod: station.pod,
            revision: station.revision,
            arm: station.arm,
            image_digest: station.image_digest,
            software_version: station.software_version,
            kernel_release: station.kernel_release,
            virtualisation: station.virtualisation,
        }
    }
}
