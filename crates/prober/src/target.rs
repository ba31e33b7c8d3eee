//! From a name to an address.

use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};

use crate::Family;

/// Why a host cannot be traced.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Nobody knows the name.
    #[error("cannot find an address of `{host}`: {source}")]
    Unknown {
        /// As given.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// It has addresses of the other family only.
    #[error("`{host}` has no {wanted} address, only {found}")]
    NoSuchFamily {
        /// As given.
        host: String,
        /// What was asked for.
        wanted: Family,
        /// One that it has.
        found: IpAddr,
    },
    /// The resolver found the name and no address.
    #[error("`{host}` has no address")]
    NoAddress {
        /// As given.
        host: String,
    },
}

/// The first address of a host, in the resolver's order (RFC 6724): of either family,
/// or of the one that is asked for.  Blocks while the resolver asks.
pub fn resolve(host: &str, family: Option<Family>) -> Result<IpAddr, ResolveError> {
    let host = host.to_owned();
    let addresses = match (host.as_str(), 0).to_socket_addrs() {
        Ok(addresses) => addresses.map(|address| address.ip().to_canonical()).collect::<Vec<_>>(),
        Err(source) => return Err(ResolveError::Unknown { host, source }),
    };
    let wanted = |address: &&IpAddr| family.is_none_or(|family| Family::of(**address) == family);
    match (addresses.iter().find(wanted), addresses.first(), family) {
        (Some(address), ..) => Ok(*address),
        (None, Some(found), Some(wanted)) => {
            Err(ResolveError::NoSuchFamily { host, wanted, found: *found })
        }
        _ => Err(ResolveError::NoAddress { host }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_itself() {
        assert_eq!(resolve("192.0.2.1", None).unwrap(), IpAddr::from([192, 0, 2, 1]));
        assert_eq!(resolve("::ffff:192.0.2.1", None).unwrap(), IpAddr::from([192, 0, 2, 1]));
        assert!(resolve("2001:db8::1", Some(Family::V6)).unwrap().is_ipv6());
    }

    #[test]
    fn a_host_that_cannot_be_traced_is_named_in_one_line() {
        let error = resolve("192.0.2.1", Some(Family::V6)).unwrap_err().to_string();
        assert_eq!(error, "`192.0.2.1` has no IPv6 address, only 192.0.2.1");
        // RFC 6761: no resolver answers for it.
        let error = resolve("host.invalid", None).unwrap_err().to_string();
        assert!(error.starts_with("cannot find an address of `host.invalid`: "), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
