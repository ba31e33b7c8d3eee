use super::*;

fn plan(topology: &Topology) -> Plan {
    topology.plan(|node| match node {
        Node::Source => [0, 0, 0, 0].into(),
        Node::Router(number) => [0, 0, 0, number as u8 + 1].into(),
        Node::Target => [255, 255, 255, 255].into(),
    })
}

/// Vertices, edges, length.
fn size(topology: &Topology) -> (usize, usize, u8) {
    let plan = plan(topology);
    (plan.vertices.len(), plan.edges.len(), plan.length())
}

#[test]
fn diamonds_have_the_vertices_and_edges_of_their_drawings() {
    assert_eq!(size(&Topology::hops(&[1, 2, 1])), (5, 2 + 2 + 1, 4));
    assert_eq!(size(&Topology::hops(&[1, 16, 1])), (19, 16 + 16 + 1, 4));
    assert_eq!(size(&Topology::hops(&[1, 4, 4, 1])), (11, 4 + 4 + 4 + 1, 5));
    assert_eq!(size(&Topology::meshed(&[1, 4, 4, 1])), (11, 4 + 16 + 4 + 1, 5));
    assert_eq!(size(&Topology::hops(&[1, 2, 4, 2, 1])), (11, 2 + 4 + 4 + 2 + 1, 6));
}

#[test]
fn behind_unequal_branches_a_router_is_at_two_hops() {
    let plan = plan(&Topology::unequal());
    let converges = IpAddr::from([0, 0, 0, 5]);
    let hops: Vec<u8> =
        plan.vertices.iter().filter(|(_, at)| *at == converges).map(|(hop, _)| *hop).collect();
    assert_eq!(hops, [3, 4]);
    assert_eq!(plan.length(), 5);
}
