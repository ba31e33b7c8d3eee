//! What the operator is told at its start.

use std::time::Duration;

/// How the operator works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Namespaces whose fleets it brings about; empty: all of them, which needs
    /// rights in the whole cluster.
    pub namespaces: Vec<String>,
    /// Namespace of its Lease.
    pub lease_namespace: String,
    /// Name of its Lease: operators with the same one take turns.
    pub lease_name: String,
    /// Who it is among them: its pod's name.
    pub identity: String,
    /// Where stations deliver; without one, rows stay in their spools.
    pub collector: Option<Collector>,
    /// What every station gets beside what its fleet says.
    pub station: StationDefaults,
    /// Certificates that it makes and renews; none where others do.
    pub certificates: Option<Certificates>,
    /// Writes per second, on average.
    pub writes_per_second: f64,
    /// A watch that has made no progress for this long is dead: `/livez` says so.
    pub stream_deadline: Duration,
}

/// The collector, from the outside.
#[derive(Debug, Clone)]
pub struct Collector {
    /// Where stations deliver, as in `https://collector.trigpoint:9400`.
    pub uri: String,
    /// `HOST:PORT` of its admin endpoint, which is asked whether it takes rows.
    pub admin: Option<String>,
    /// Name of the ConfigMap in each fleet's namespace whose key `ca.crt` holds the
    /// certificates to trust instead of the system's.
    pub ca_config_map: Option<String>,
    /// Audience of the tokens that stations show.
    pub audience: String,
}

/// What every station gets beside what its fleet says.  It is rendered into new
/// revisions only: changing it restarts no station.
#[derive(Debug, Clone, Default)]
pub struct StationDefaults {
    /// PriorityClass of the pods; absent: the cluster's default.
    pub priority_class: Option<String>,
    /// ServiceAccount of the pods, without rights; the namespace's default if
    /// absent.
    pub service_account: Option<String>,
}

/// An authority of the operator's own, by which stations know the collector.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// Namespace of the Secrets.
    pub namespace: String,
    /// Secret with the authority's certificate and key.
    pub authority: String,
    /// ConfigMap in each fleet's namespace whose key `ca.crt` holds the certificates
    /// to trust.
    pub bundle: String,
    /// Who gets a certificate.
    pub servers: Vec<Server>,
}

/// A server with a certificate of the operator's authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Secret (`kubernetes.io/tls`) with its certificate and key.
    pub secret: String,
    /// Names by which it is reached.
    pub names: Vec<String>,
}
