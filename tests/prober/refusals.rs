//! What cannot be traced: one clear line each.

use trigpoint_prober::{Exclude, Method, OpenError, Probe, Prober, SendError, Settings, Target};
use trigpoint_prober::{Transport as _, raise_descriptor_limit};
use trigpoint_testkit::lab::{Behaviour, Namespace, Node, Routers, Topology, inside};

fn refusal(prober: &mut Prober, address: &str) -> OpenError {
    let target = Target { address: address.parse().unwrap(), method: Method::UDP };
    let error = prober.open(target).unwrap_err();
    println!("{error}");
    assert!(error.to_string().contains(address), "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

#[test]
fn no_route_and_no_address_of_the_family() {
    inside("refusals::no_route_and_no_address_of_the_family", || {
        Namespace::new("island").within(|| {
            let mut prober = Prober::new(Settings::default()).unwrap();
            for address in ["192.0.2.1", "2001:db8::1"] {
                let error = refusal(&mut prober, address);
                assert!(matches!(error, OpenError::NoRoute { .. }), "{error}");
            }
        });
    });
}

#[test]
fn excluded_networks_and_too_many_flows() {
    inside("refusals::excluded_networks_and_too_many_flows", || {
        let network = Routers::new(Topology::hops(&[1]), Behaviour::default());
        network.source().within(|| {
            raise_descriptor_limit();
            let exclude: Exclude = ["2001:db8::/33".parse().unwrap()].into_iter().collect();
            let settings = Settings { exclude, sockets: 2, ..Settings::default() };
            let mut prober = Prober::new(settings).unwrap();
            let error = refusal(&mut prober, "2001:db8::1");
            assert!(matches!(error, OpenError::Excluded { .. }), "{error}");
            let address = Routers::v4(Node::Target);
            let trace = prober.open(Target { address, method: Method::UDP }).unwrap();
            let mut send = |flow| prober.send(trace, Probe { ttl: 1, flow, id: 0 });
            assert!(send(0).is_ok() && send(1).is_ok());
            assert!(matches!(send(2), Err(SendError::TooManyFlows { limit: 2 })));
            assert!(send(1).is_ok());
            prober.close(trace);
            assert_eq!(prober.flows(), 0);
        });
    });
}
