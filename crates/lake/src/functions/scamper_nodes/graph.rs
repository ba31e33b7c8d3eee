//! Nodes, links and probes read back from lists of structs of table `traces`.

use std::net::IpAddr;

use arrow::array::{Array, ArrayRef, AsArray as _, BooleanArray, Int64Array, ListArray};
use arrow::array::{StringViewArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_datafusion_err};
use trigpoint_record::tables::traces::{
    Answer, Link, Match, Node, Probe, Protocol, Purpose, Reply, Rtt,
};

/// A column of lists of structs.
pub(super) struct Items {
    name: &'static str,
    lists: ListArray,
}

/// One struct of a list.
pub(super) struct Item<'a> {
    name: &'static str,
    structs: &'a StructArray,
    at: usize,
}

impl Items {
    pub(super) fn new(name: &'static str, array: &ArrayRef) -> Result<Self> {
        let lists = array.as_list_opt::<i32>().cloned();
        let lists = lists.filter(|lists| matches!(lists.value_type(), DataType::Struct(_)));
        let no_list = || exec_datafusion_err!("scamper_nodes wants the column `{name}` of traces");
        Ok(Self { name, lists: lists.ok_or_else(no_list)? })
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        self.lists.is_null(row)
    }

    /// The items of a row, read by `read`.
    pub(super) fn of<T>(&self, row: usize, read: fn(&Item<'_>) -> Result<T>) -> Result<Vec<T>> {
        if self.lists.is_null(row) {
            return Ok(Vec::new());
        }
        let list = self.lists.value(row);
        let item = |at| Item { name: self.name, structs: list.as_struct(), at };
        (0..list.len()).map(|at| read(&item(at))).collect()
    }
}

impl<'a> Item<'a> {
    fn column(&self, field: &str) -> Result<&'a ArrayRef> {
        self.structs.column_by_name(field).ok_or_else(|| {
            exec_datafusion_err!("scamper_nodes finds no `{field}` in `{}`", self.name)
        })
    }

    fn integer(&self, field: &str) -> Result<Option<i64>> {
        let column: &Int64Array = self.column(field)?.as_primitive::<Int64Type>();
        Ok(column.is_valid(self.at).then(|| column.value(self.at)))
    }

    /// An integer that may be NULL and else fits; NULL where it does not.
    fn small<T: TryFrom<i64>>(&self, field: &str) -> Result<Option<T>> {
        Ok(self.integer(field)?.and_then(|value| T::try_from(value).ok()))
    }

    fn required<T: TryFrom<i64>>(&self, field: &str) -> Result<T> {
        self.small(field)?.ok_or_else(|| self.invalid(field))
    }

    fn flag(&self, field: &str) -> Result<bool> {
        let column: &BooleanArray = self.column(field)?.as_boolean();
        Ok(column.is_valid(self.at) && column.value(self.at))
    }

    /// Microseconds since the Unix epoch.
    fn time(&self, field: &str) -> Result<i64> {
        let times = cast(&self.column(field)?.slice(self.at, 1), &DataType::Int64)?;
        let times = times.as_primitive::<Int64Type>();
        times.iter().next().flatten().ok_or_else(|| self.invalid(field))
    }

    fn text(&self, field: &str) -> Result<Option<String>> {
        let texts = cast(&self.column(field)?.slice(self.at, 1), &DataType::Utf8View)?;
        let texts: &StringViewArray = texts.as_string_view();
        Ok(texts.iter().next().flatten().map(str::to_owned))
    }

    fn ip(&self, field: &str) -> Result<Option<IpAddr>> {
        let parse = |text: String| text.parse().map_err(|_| self.invalid(field));
        self.text(field)?.map(parse).transpose()
    }

    fn flows(&self) -> Result<Vec<u16>> {
        let lists = self.column("flows")?.as_list::<i32>();
        let flows = lists.value(self.at);
        let flows = flows.as_primitive::<Int64Type>().iter().flatten();
        flows.map(|flow| u16::try_from(flow).map_err(|_| self.invalid("flows"))).collect()
    }

    fn invalid(&self, field: &str) -> datafusion::error::DataFusionError {
        exec_datafusion_err!("`{field}` of an item of `{}` has no valid value", self.name)
    }
}

pub(super) fn protocol(word: &str) -> Result<Protocol> {
    let known = Protocol::ALL.iter().find(|protocol| protocol.name() == word);
    known.copied().ok_or_else(|| exec_datafusion_err!("`{word}` is no protocol of probes"))
}

/// Of a node that which scamper writes.
pub(super) fn node(item: &Item<'_>) -> Result<Node> {
    Ok(Node {
        ttl: item.required("ttl")?,
        node: item.required("node")?,
        ip: item.ip("ip")?,
        flows: item.flows()?,
        end: None,
        mpls: Vec::new(),
        is_per_packet_balancer: item.flag("is_per_packet_balancer")?,
    })
}

pub(super) fn link(item: &Item<'_>) -> Result<Link> {
    Ok(Link {
        ttl: item.required("ttl")?,
        from_node: item.required("from_node")?,
        to_node: item.required("to_node")?,
        flows: item.flows()?,
    })
}

pub(super) fn probe(item: &Item<'_>) -> Result<Probe> {
    let purpose = item.text("purpose")?;
    let purpose = Purpose::ALL.iter().find(|known| Some(known.name()) == purpose.as_deref());
    Ok(Probe {
        ttl: item.required("ttl")?,
        flow: item.required("flow")?,
        purpose: *purpose.ok_or_else(|| item.invalid("purpose"))?,
        source_port: item.small("source_port")?,
        sent_time: item.time("sent_time")?,
        was_lost: item.flag("was_lost")?,
        is_outdated: item.flag("is_outdated")?,
        reply: item.ip("reply_ip")?.map(|ip| reply(item, ip)).transpose()?,
    })
}

fn reply(item: &Item<'_>, ip: IpAddr) -> Result<Reply> {
    let matched = item.text("match")?;
    let matched = Match::ALL.iter().find(|known| Some(known.name()) == matched.as_deref());
    Ok(Reply {
        ip,
        answer: match item.text("reply")?.as_deref() {
            Some("time_exceeded") => Answer::TimeExceeded,
            Some("unreachable") => Answer::Unreachable(item.required("icmp_code")?),
            Some("other_error") => {
                Answer::OtherError(item.required("icmp_type")?, item.required("icmp_code")?)
            }
            Some("target") => Answer::Target,
            _ => return Err(item.invalid("reply")),
        },
        matched: *matched.ok_or_else(|| item.invalid("match"))?,
        rtt: match item.small("rtt_us")? {
            Some(microseconds) => Rtt::Kernel(microseconds),
            None => Rtt::Unstamped,
        },
        elapsed_us: item.required("reply_elapsed_us")?,
        ttl: item.small("reply_ttl")?,
        tos: item.small("reply_tos")?,
        ip_id: item.small("reply_ip_id")?,
        quoted_ttl: item.small("quoted_ttl")?,
        quoted_tos: item.small("quoted_tos")?,
        quoted_ip_id: item.small("quoted_ip_id")?,
    })
}
