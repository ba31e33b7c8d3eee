//! Flags of the care that a collector and a standalone take of their tables.

use std::time::Duration;

use trigpoint_collector::Maintenance;
use trigpoint_lake::Vacuum;
use trigpoint_process::duration;

// Its own name: clap makes a group of it beside the server's `Flags`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct MaintenanceFlags {
    /// The tables are cared for (files merged, old ones deleted) this long after
    /// the last time, and files merged earlier when there are many; 0s for never
    #[arg(
        long,
        env = "TRIGPOINT_MAINTENANCE_INTERVAL",
        value_name = "DURATION",
        default_value = "10m",
        value_parser = duration::parse
    )]
    maintenance_interval: Duration,
    /// Days, in UTC, that ended longer ago are removed [default: all are kept]
    #[arg(long, env = "TRIGPOINT_KEEP_DAYS", value_name = "DAYS")]
    keep_days: Option<u32>,
    /// Client addresses of days that ended longer ago are cut to /24 and /48
    /// [default: they are kept]
    #[arg(long, env = "TRIGPOINT_ADDRESSES_DAYS", value_name = "DAYS")]
    addresses_days: Option<u32>,
    /// A file that was never committed is deleted when it is older; longer than
    /// any commit or merge takes
    #[arg(
        long,
        env = "TRIGPOINT_ORPHAN_AGE",
        value_name = "DURATION",
        default_value = "60m",
        value_parser = duration::parse
    )]
    orphan_age: Duration,
}

impl MaintenanceFlags {
    /// What a collector is to do; `None` where it was turned off.
    pub(crate) fn settings(&self) -> Option<Maintenance> {
        (!self.maintenance_interval.is_zero()).then(|| Maintenance {
            interval: self.maintenance_interval,
            vacuum: Vacuum { orphan_age: self.orphan_age, ..Vacuum::default() },
            keep_days: self.keep_days,
            addresses_days: self.addresses_days,
            ..Maintenance::default()
        })
    }
}
