//! Which families of addresses reach the outside.

use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::warn;

use crate::host;

/// A handshake over half of the earth with two lost SYNs (RFC 6298: 1 s, 2 s).
const WITHIN: Duration = Duration::from_secs(4);

/// Whether a family reaches all that it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Families {
    pub(super) v4: Option<bool>,
    pub(super) v6: Option<bool>,
}

/// A family reaches the outside if it reaches every peer that has an address of
/// it. It does not without a route. Where no peer has such an address, nobody knows.
pub(super) async fn families(peers: &[String]) -> Families {
    let mut asked = JoinSet::new();
    for peer in peers {
        asked.spawn(peer_by_family(peer.clone()));
    }
    let peers = asked.join_all().await;
    let routes = host::outbound_addresses();
    let judge = |is_v6: bool| {
        let answers = peers.iter().filter_map(|peer| if is_v6 { peer.v6 } else { peer.v4 });
        let has_route = routes.iter().any(|address| address.is_ipv6() == is_v6);
        answers.reduce(|one, other| one && other).or((!has_route).then_some(false))
    };
    Families { v4: judge(false), v6: judge(true) }
}

/// Whether any of its addresses takes a connection, by family.
async fn peer_by_family(peer: String) -> Families {
    let addresses = match timeout(WITHIN, lookup_host(&peer)).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => {
            warn!(peer, %error, "cannot look up a peer");
            return Families::default();
        }
        Err(_) => {
            warn!(peer, "looking up a peer took too long");
            return Families::default();
        }
    };
    let mut tries = JoinSet::new();
    for address in addresses {
        tries.spawn(async move {
            let connected = timeout(WITHIN, TcpStream::connect(address)).await;
            match &connected {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => warn!(%address, %error, "a peer was not reached"),
                Err(_) => warn!(%address, "a peer did not answer"),
            }
            (address.is_ipv6(), matches!(connected, Ok(Ok(_))))
        });
    }
    let mut reached = Families::default();
    for (is_v6, connected) in tries.join_all().await {
        let family = if is_v6 { &mut reached.v6 } else { &mut reached.v4 };
        *family = Some(connected || *family == Some(true));
    }
    reached
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_family_must_reach_each_peer_that_has_an_address_of_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = listener.local_addr().unwrap().to_string();
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let away = gone.local_addr().unwrap().to_string();
        drop(gone);
        let v4 = async |peers: &[&String]| {
            let peers: Vec<String> = peers.iter().map(|peer| (*peer).clone()).collect();
            families(&peers).await.v4
        };
        assert_eq!(v4(&[&there]).await, Some(true));
        assert_eq!(v4(&[&away]).await, Some(false));
        assert_eq!(v4(&[&there, &away]).await, Some(false));
        assert_ne!(v4(&[]).await, Some(true), "nobody was asked");
    }
}
