//! Nodes as scamper has them, in Arrow: lists in lists, one flat array per field.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, Float64Array, Int64Array, ListArray, StringViewArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use trigpoint_mlab::scamper::{Place, ScamperNode, ScamperProbe, ScamperReply, Time};

/// The fields of the answer as they gather.
#[derive(Debug, Default)]
pub(super) struct Answer {
    is_valid: Vec<bool>,
    nodes: Level,
    hop_ids: Vec<String>,
    node_addresses: Vec<String>,
    node_quoted_ttls: Vec<Option<i64>>,
    link_counts: Vec<i64>,
    hop_sets: Level,
    places: Level,
    place_addresses: Vec<String>,
    probes: Level,
    sent: Vec<Time>,
    reply_counts: Vec<i64>,
    probe_ttls: Vec<i64>,
    attempts: Vec<i64>,
    flows: Vec<i64>,
    replies: Level,
    received: Vec<Time>,
    reply_ttls: Vec<Option<i64>>,
    rtts: Vec<Option<f64>>,
    icmp_types: Vec<Option<i64>>,
    icmp_codes: Vec<Option<i64>>,
    quoted_tos: Vec<Option<i64>>,
    quoted_ttls: Vec<Option<i64>>,
}

/// How long the lists of one level are.
type Level = Vec<usize>;

impl Answer {
    /// The nodes of one more row; none for NULL.
    pub(super) fn push(&mut self, nodes: Option<Vec<ScamperNode>>, hop_prefix: &str) {
        self.is_valid.push(nodes.is_some());
        let nodes = nodes.unwrap_or_default();
        self.nodes.push(nodes.len());
        for node in nodes {
            self.hop_ids.push(format!("{hop_prefix}{}", node.addr));
            self.node_addresses.push(node.addr);
            self.node_quoted_ttls.push(node.q_ttl.map(i64::from));
            self.link_counts.push(node.linkc as i64);
            self.hop_sets.push(node.links.len());
            for places in node.links {
                self.places.push(places.len());
                for place in places {
                    self.push_place(place);
                }
            }
        }
    }

    fn push_place(&mut self, place: Place) {
        let probes = place.probes.unwrap_or_default();
        self.place_addresses.push(place.addr);
        self.probes.push(probes.len());
        for probe in &probes {
            self.push_probe(probe);
        }
    }

    fn push_probe(&mut self, probe: &ScamperProbe) {
        self.sent.push(probe.tx);
        self.reply_counts.push(probe.replyc as i64);
        self.probe_ttls.push(probe.ttl.into());
        self.attempts.push(probe.attempt as i64);
        self.flows.push(probe.flowid.into());
        self.replies.push(probe.replies.len());
        for reply in &probe.replies {
            self.push_reply(reply);
        }
    }

    fn push_reply(&mut self, reply: &ScamperReply) {
        self.received.push(reply.rx);
        self.reply_ttls.push(reply.ttl.map(i64::from));
        self.rtts.push(reply.rtt);
        self.icmp_types.push(reply.icmp_type.map(i64::from));
        self.icmp_codes.push(reply.icmp_code.map(i64::from));
        self.quoted_tos.push(reply.icmp_q_tos.map(i64::from));
        self.quoted_ttls.push(reply.icmp_q_ttl.map(i64::from));
    }

    pub(super) fn finish(self) -> Result<ListArray> {
        let replies = structs(vec![
            ("rx", times(&self.received)?),
            ("ttl", optional(self.reply_ttls)),
            ("rtt", Arc::new(Float64Array::from(self.rtts))),
            ("icmp_type", optional(self.icmp_types)),
            ("icmp_code", optional(self.icmp_codes)),
            ("icmp_q_tos", optional(self.quoted_tos)),
            ("icmp_q_ttl", optional(self.quoted_ttls)),
        ])?;
        let probes = structs(vec![
            ("tx", times(&self.sent)?),
            ("replyc", integers(self.reply_counts)),
            ("ttl", integers(self.probe_ttls)),
            ("attempt", integers(self.attempts)),
            ("flowid", integers(self.flows)),
            ("replies", Arc::new(lists(replies, &self.replies, None)?)),
        ])?;
        let places = structs(vec![
            ("addr", texts(self.place_addresses)),
            ("probes", Arc::new(lists(probes, &self.probes, None)?)),
        ])?;
        let hop_sets = structs(vec![("Links", Arc::new(lists(places, &self.places, None)?))])?;
        let names = StringViewArray::new_null(self.hop_ids.len());
        let nodes = structs(vec![
            ("hop_id", texts(self.hop_ids)),
            ("addr", texts(self.node_addresses)),
            // Nothing here asks the DNS.
            ("name", Arc::new(names)),
            ("q_ttl", optional(self.node_quoted_ttls)),
            ("linkc", integers(self.link_counts)),
            ("links", Arc::new(lists(hop_sets, &self.hop_sets, None)?)),
        ])?;
        lists(nodes, &self.nodes, Some(self.is_valid.into()))
    }
}

/// The type of the answer, that of no rows.
pub(super) fn data_type() -> Result<DataType> {
    Ok(Answer::default().finish()?.data_type().clone())
}

fn integers(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

fn optional(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

fn texts(values: Vec<String>) -> ArrayRef {
    Arc::new(values.into_iter().map(Some).collect::<StringViewArray>())
}

fn times(times: &[Time]) -> Result<ArrayRef> {
    Ok(Arc::new(structs(vec![
        ("Sec", integers(times.iter().map(|time| time.sec).collect())),
        ("Usec", integers(times.iter().map(|time| time.usec).collect())),
    ])?))
}

fn structs(columns: Vec<(&str, ArrayRef)>) -> Result<StructArray> {
    let field = |(name, array): &(&str, ArrayRef)| -> FieldRef {
        Arc::new(Field::new(*name, array.data_type().clone(), true))
    };
    let fields = columns.iter().map(field).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    Ok(StructArray::try_new(fields, arrays, None)?)
}

fn lists(items: StructArray, lengths: &Level, valid: Option<NullBuffer>) -> Result<ListArray> {
    let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    Ok(ListArray::try_new(field, offsets, Arc::new(items), valid)?)
}
