//! A trace as a graph that can be asked.

use trigpoint_record::tables::traces::{
    Algorithm, BranchEnd, Diamond, Hop, Link, Node, Protocol, Rtt, Run,
};

/// Hops with their interfaces, and who follows whom.
pub(super) struct Lattice<'a> {
    pub(super) run: &'a Run,
}

impl<'a> Lattice<'a> {
    pub(super) fn of(run: &'a Run) -> Self {
        Self { run }
    }

    /// From the first on, without silent ones at the end.
    pub(super) fn hops(&self) -> impl Iterator<Item = &'a Hop> + use<'a> {
        self.run.hops.iter()
    }

    /// The interfaces of a hop, in order.
    pub(super) fn nodes(&self, ttl: u8) -> impl Iterator<Item = &'a Node> + use<'a> {
        self.run.nodes.iter().filter(move |node| node.ttl == ttl)
    }

    pub(super) fn node(&self, ttl: u8, number: u64) -> Option<&'a Node> {
        self.nodes(ttl).find(|node| node.node == number)
    }

    /// The links that a node, or the source, is the nearer end of.
    pub(super) fn links_from(
        &self,
        ttl: u8,
        number: u64,
    ) -> impl Iterator<Item = &'a Link> + use<'a> {
        self.run.links.iter().filter(move |link| (link.ttl, link.from_node) == (ttl, number))
    }

    /// The links to a hop: nothing is known of them behind a per-packet balancer.
    pub(super) fn has_links_to(&self, ttl: u8) -> bool {
        self.run.links.iter().any(|link| link.ttl + 1 == ttl)
    }

    /// The shortest round trip of its answers, microseconds.
    pub(super) fn min_rtt_us(&self, node: &Node) -> Option<u64> {
        let answers = self
            .run
            .probes
            .iter()
            .filter(|probe| probe.ttl == node.ttl && !probe.is_outdated && node.ip.is_some());
        let replies = answers.filter_map(|probe| probe.reply.as_ref());
        let of_node = replies.filter(|reply| Some(reply.ip) == node.ip);
        of_node
            .filter_map(|reply| match reply.rtt {
                Rtt::Kernel(microseconds) => Some(microseconds),
                Rtt::ClockStepped | Rtt::Unstamped => None,
            })
            .min()
    }
}

/// The address, or `*` for what never answers.
pub(super) fn address(node: &Node) -> String {
    node.ip.map_or_else(|| "*".to_owned(), |ip| ip.to_canonical().to_string())
}

/// In milliseconds.
pub(super) fn milliseconds(microseconds: u64) -> String {
    format!("{:.3} ms", microseconds as f64 / 1e3)
}

/// A share of 1 in percent; never 100 % for what is less.
pub(super) fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).floor().clamp(0.0, 1000.0);
    format!("{:.1} %", tenths / 10.0)
}

/// The labels of a stack, outermost first.
pub(super) fn mpls(node: &Node) -> Option<String> {
    let labels: Vec<_> = node.mpls.iter().map(|entry| (entry >> 12).to_string()).collect();
    (!labels.is_empty()).then(|| format!("MPLS {}", labels.join(" ")))
}

/// Why no probe gets beyond, in words.
pub(super) fn end(node: &Node) -> Option<String> {
    Some(match node.end? {
        BranchEnd::Target => "target".to_owned(),
        BranchEnd::Unreachable(code) => format!("unreachable (code {code})"),
        BranchEnd::Loop => "loop".to_owned(),
        BranchEnd::Silence => "silence beyond".to_owned(),
    })
}

/// What is worth knowing of a hop.
pub(super) fn remarks(hop: &Hop) -> Vec<String> {
    let mut remarks = Vec::new();
    if hop.is_rate_limited {
        remarks.push("rate limited".to_owned());
    }
    if hop.is_per_packet {
        remarks.push("per packet".to_owned());
    }
    remarks
        .extend(hop.loss.filter(|loss| *loss > 0.0).map(|loss| format!("loss {}", percent(loss))));
    remarks
}

/// A diamond in words.
pub(super) fn shape(diamond: &Diamond) -> String {
    let mut shape = format!("{} wide, {} long", diamond.width, diamond.length);
    if diamond.is_meshed {
        shape += ", meshed";
    }
    if diamond.width_asymmetry > 0 {
        shape += ", asymmetric";
    }
    if diamond.is_per_packet {
        shape += ", per packet";
    }
    shape
}

/// How the paths were looked for.
pub(super) fn method(run: &Run) -> String {
    let protocol = match run.protocol {
        Protocol::Udp => "UDP",
        Protocol::Icmp => "ICMP echo",
        Protocol::Tcp => "TCP SYN",
    };
    let port = run.destination_port.map(|port| format!(" to port {port}"));
    let algorithm = match run.algorithm {
        Algorithm::Mda => "MDA",
        Algorithm::MdaLite => "MDA-Lite",
        Algorithm::Paris => "one path (Paris traceroute)",
    };
    format!("{protocol}{}, {algorithm}", port.unwrap_or_default())
}

/// What it cost.
pub(super) fn effort(run: &Run) -> String {
    let answers = run.probes.iter().filter(|probe| probe.reply.is_some()).count();
    let seconds = run.elapsed_us as f64 / 1e6;
    format!("{} probes, {answers} answers, {seconds:.2} s", run.probes.len())
}

/// How sure it is that nothing is missing; of one path that is not the question.
pub(super) fn certainty(run: &Run) -> Option<String> {
    (run.algorithm != Algorithm::Paris)
        .then(|| format!("nothing is missing with {} probability", percent(run.confidence)))
}
