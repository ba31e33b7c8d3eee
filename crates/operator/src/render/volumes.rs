//! What the containers of a station share, keep, and are shown.

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, ConfigMapVolumeSource, EmptyDirVolumeSource, EnvVar, EnvVarSource,
    HostPathVolumeSource, KeyToPath, ProjectedVolumeSource, SecretKeySelector, SecretVolumeSource,
    ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;
use trigpoint_crd::{MeasurementFleet, MeasurementFleetSpec};

use super::SERVER;
use crate::certificates::SYNTHETIC_PUBLIC_KEY;
use crate::settings::{Collector, Settings};

const SPOOL: &str = "spool";
const SPOOL_DIRECTORY: &str = "/var/lib/trigpoint";
const EVENTS: &str = "events";
const EVENTS_DIRECTORY: &str = "/run/trigpoint";
pub(super) const EVENT_SOCKET: &str = "/run/trigpoint/events.sock";
const TEMPORARY: &str = "tmp";
const TLS: &str = "tls";
pub(super) const TLS_DIRECTORY: &str = "/etc/trigpoint/tls";
const INGEST: &str = "ingest";
const INGEST_DIRECTORY: &str = "/run/trigpoint-ingest";
pub(super) const TOKEN_FILE: &str = "/run/trigpoint-ingest/token";
pub(super) const CA_FILE: &str = "/run/trigpoint-ingest/ca.crt";
const SYNTHETIC: &str = "synthetic";
pub(super) const SYNTHETIC_DIRECTORY: &str = "/etc/trigpoint/synthetic";
/// Where the kubelet mounts the file that it reads at a container's end.
pub(super) const TERMINATION_LOG: &str = "/dev/termination-log";
/// The kubelet asks for a new one at four fifths of it.
const TOKEN_SECONDS: i64 = 3600;
/// Beside rows there are segments that end and a certificate.
const ROOM: u64 = 64 << 20;

/// The directory of one program.
pub(super) fn data_directory(program: &str) -> String {
    format!("{SPOOL_DIRECTORY}/{program}")
}

pub(super) fn volumes(fleet: &MeasurementFleet, settings: &Settings) -> Vec<Volume> {
    let spec = &fleet.spec;
    let mut volumes =
        vec![spool(fleet), empty(EVENTS, None), empty(TEMPORARY, Some("64Mi".to_owned()))];
    if let Some(name) = &spec.network.tls_secret_name {
        volumes.push(Volume {
            name: TLS.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(name.clone()),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        });
    }
    if let Some(collector) = &settings.collector {
        volumes.push(ingest(collector));
    }
    if let Some(certificates) = &settings.certificates {
        volumes.push(Volume {
            name: SYNTHETIC.to_owned(),
            config_map: Some(ConfigMapVolumeSource {
                name: certificates.bundle.clone(),
                items: Some(vec![item(SYNTHETIC_PUBLIC_KEY)]),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        });
    }
    volumes
}

pub(super) fn mounts(
    spec: &MeasurementFleetSpec,
    container: &str,
    settings: &Settings,
) -> Vec<VolumeMount> {
    let mut mounts = vec![
        mount(SPOOL, SPOOL_DIRECTORY, false),
        mount(EVENTS, EVENTS_DIRECTORY, false),
        mount(TEMPORARY, "/tmp", false),
    ];
    if container == SERVER && spec.network.tls_secret_name.is_some() {
        mounts.push(mount(TLS, TLS_DIRECTORY, true));
    }
    if settings.collector.is_some() {
        mounts.push(mount(INGEST, INGEST_DIRECTORY, true));
    }
    if container == SERVER && settings.certificates.is_some() {
        mounts.push(mount(SYNTHETIC, SYNTHETIC_DIRECTORY, true));
    }
    mounts
}

/// A probe never touches the spools of the station beside it.
///
/// A Secret that is not there would keep it waiting without a word in its status; so
/// it is mounted if it is there, and asked for by a variable, which the kubelet
/// refuses with the Secret's name.
pub(super) fn for_probe(volumes: &mut [Volume]) -> Option<EnvVar> {
    let mut asked = None;
    for volume in volumes {
        if volume.name == SPOOL {
            *volume = empty(SPOOL, Some("64Mi".to_owned()));
        } else if let Some(secret) = volume.secret.as_mut().filter(|_| volume.name == TLS) {
            secret.optional = Some(true);
            asked = secret.secret_name.clone().map(certificate);
        }
    }
    asked
}

fn certificate(secret: String) -> EnvVar {
    let key = SecretKeySelector { name: secret, key: "tls.crt".to_owned(), optional: None };
    EnvVar {
        name: "CERTIFICATE_IS_THERE".to_owned(),
        value_from: Some(EnvVarSource { secret_key_ref: Some(key), ..EnvVarSource::default() }),
        ..EnvVar::default()
    }
}

fn spool(fleet: &MeasurementFleet) -> Volume {
    let spool = &fleet.spec.spool;
    match &spool.host_path {
        Some(path) => Volume {
            name: SPOOL.to_owned(),
            host_path: Some(HostPathVolumeSource {
                // Two fleets of one node never share a spool.
                path: format!(
                    "{path}/{}-{}",
                    fleet.namespace().unwrap_or_default(),
                    fleet.name_any()
                ),
                type_: Some("DirectoryOrCreate".to_owned()),
            }),
            ..Volume::default()
        },
        // Both containers have one.
        None => empty(SPOOL, Some((2 * bytes(&spool.size_limit) + ROOM).to_string())),
    }
}

/// The token that the collector reviews and the certificates that it is trusted by.
fn ingest(collector: &Collector) -> Volume {
    let token = VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            audience: Some(collector.audience.clone()),
            expiration_seconds: Some(TOKEN_SECONDS),
            path: "token".to_owned(),
        }),
        ..VolumeProjection::default()
    };
    let certificates = collector.ca_config_map.as_ref().map(|name| VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: name.clone(),
            items: Some(vec![item("ca.crt")]),
            ..ConfigMapProjection::default()
        }),
        ..VolumeProjection::default()
    });
    Volume {
        name: INGEST.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(std::iter::once(token).chain(certificates).collect()),
            ..ProjectedVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn empty(name: &str, limit: Option<String>) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: limit.map(Quantity),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// A key as a file of the same name.
fn item(key: &str) -> KeyToPath {
    KeyToPath { key: key.to_owned(), path: key.to_owned(), ..KeyToPath::default() }
}

pub(super) fn mount(name: &str, path: &str, is_read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: is_read_only.then_some(true),
        ..VolumeMount::default()
    }
}

/// Bytes of a quantity such as `2Gi`, in the form that the definition lets through.
pub(super) fn bytes(quantity: &str) -> u64 {
    let digits = quantity.find(|c: char| !c.is_ascii_digit()).unwrap_or(quantity.len());
    let (number, unit) = quantity.split_at(digits);
    let factor = match unit {
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => 1,
    };
    number.parse::<u64>().unwrap_or(0).saturating_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn quantities_are_bytes() {
        assert_eq!(bytes("2Gi"), 2 << 30);
        assert_eq!(bytes("500M"), 500_000_000);
        assert_eq!(bytes("999999999999Ti"), u64::MAX);
    }
}
