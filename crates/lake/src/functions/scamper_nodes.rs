//! `scamper_nodes(nodes, links, probes, protocol, prefix)`: the graph of a row of
//! `traces` as M-Lab's table `scamper1` has it in `raw.Tracelb.nodes`.
//!
//! `prefix` comes before an interface's address in its `hop_id`.  What is behind
//! silence is found by following links, hop by hop, which SQL cannot.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use trigpoint_mlab::scamper::Graph;

use super::elementwise;

mod answer;
mod graph;

pub(super) fn function() -> ScalarUDF {
    // The types of lists of structs are not written down: they gain fields.
    ScalarUDF::from(ScamperNodes { signature: Signature::any(5, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ScamperNodes {
    signature: Signature,
}

impl ScalarUDFImpl for ScamperNodes {
    fn name(&self) -> &'static str {
        "scamper_nodes"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        answer::data_type()
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        elementwise(&arguments.args, scamper_nodes)
    }
}

fn scamper_nodes(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let [nodes, links, probes, protocols, prefixes] = arrays else {
        return exec_err!("scamper_nodes wants 5 arguments, and not {}", arrays.len());
    };
    let nodes = graph::Items::new("nodes", nodes)?;
    let links = graph::Items::new("links", links)?;
    let probes = graph::Items::new("probes", probes)?;
    let (protocols, prefixes) = (text(protocols)?, text(prefixes)?);
    let (protocols, prefixes) = (protocols.as_string_view(), prefixes.as_string_view());
    let mut answer = answer::Answer::default();
    for row in 0..protocols.len() {
        if protocols.is_null(row) || nodes.is_null(row) {
            answer.push(None, "");
            continue;
        }
        let graph = Graph {
            protocol: graph::protocol(protocols.value(row))?,
            nodes: &nodes.of(row, graph::node)?,
            links: &links.of(row, graph::link)?,
            probes: &probes.of(row, graph::probe)?,
        };
        let prefix = if prefixes.is_null(row) { "" } else { prefixes.value(row) };
        answer.push(Some(graph.scamper_nodes()), prefix);
    }
    Ok(Arc::new(answer.finish()?))
}

fn text(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(cast(array, &DataType::Utf8View)?)
}
