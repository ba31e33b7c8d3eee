//! Which address is traced, and what to do where none can be.

use std::net::IpAddr;

use anyhow::anyhow;
use trigpoint_prober::{Family, ResolveError, resolve};
use trigpoint_process::Failure;
use trigpoint_record::tables::traces::Outcome;

/// The address of a host; asks the resolver on a thread that may wait.
pub(super) async fn find(host: &str, family: Option<Family>) -> Result<IpAddr, Failure> {
    let name = host.to_owned();
    let resolved = tokio::task::spawn_blocking(move || resolve(&name, family)).await?;
    resolved.map_err(|error| {
        let advice = match (&error, family) {
            (ResolveError::Unknown { .. }, _) => "check the name, or give an address",
            (_, Some(Family::V4)) => "leave out --ipv4",
            (_, Some(Family::V6)) => "leave out --ipv6",
            _ => "give an address",
        };
        anyhow!("{error}; {advice}").into()
    })
}

/// Why nothing was sent to `target`, on one line, with what may help.
pub(super) fn advice(host: &str, target: IpAddr, outcome: Outcome, reason: &str) -> Failure {
    if outcome != Outcome::SkippedNoRoute {
        return anyhow!("{reason}").into();
    }
    let is_name = host.parse::<IpAddr>().is_err();
    match (is_name, target) {
        (true, IpAddr::V6(_)) => anyhow!("{reason}; try --ipv4"),
        (true, IpAddr::V4(_)) => anyhow!("{reason}; try --ipv6"),
        (false, _) => anyhow!("{reason}; `ip route get {target}` says what the kernel knows"),
    }
    .into()
}
