//! Whether labels are what a selector asks for.

use std::collections::BTreeMap;

use trigpoint_crd::{NodeSelector, SelectorOperator};

/// All terms hold.  An empty selector matches nothing: the definition refuses it,
/// since it would mean every node.
pub(crate) fn matches(selector: &NodeSelector, labels: &BTreeMap<String, String>) -> bool {
    let is_empty = selector.match_labels.is_empty() && selector.match_expressions.is_empty();
    !is_empty
        && selector.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
        && selector.match_expressions.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            let is_listed = value.is_some_and(|value| requirement.values.contains(value));
            match requirement.operator {
                SelectorOperator::In => is_listed,
                SelectorOperator::NotIn => !is_listed,
                SelectorOperator::Exists => value.is_some(),
                SelectorOperator::DoesNotExist => value.is_none(),
            }
        })
}

#[cfg(test)]
mod tests {
    use trigpoint_crd::NodeRequirement;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn requires(key: &str, operator: SelectorOperator, values: &[&str]) -> NodeSelector {
        NodeSelector {
            match_expressions: vec![NodeRequirement {
                key: key.to_owned(),
                operator,
                values: values.iter().map(|value| (*value).to_owned()).collect(),
            }],
            ..NodeSelector::default()
        }
    }

    #[test]
    fn operators_are_those_of_kubernetes() {
        use SelectorOperator::{DoesNotExist, Exists, In, NotIn};
        let node = labels(&[("zone", "lga03")]);
        let cases = [
            ("zone", In, &["ams05", "lga03"][..], true),
            ("zone", In, &["ams05"], false),
            ("rack", In, &["a"], false),
            ("zone", NotIn, &["lga03"], false),
            ("zone", NotIn, &["ams05"], true),
            // Absent is not one of them.
            ("rack", NotIn, &["a"], true),
            ("zone", Exists, &[], true),
            ("rack", Exists, &[], false),
            ("rack", DoesNotExist, &[], true),
            ("zone", DoesNotExist, &[], false),
        ];
        for (key, operator, values, expected) in cases {
            let selector = requires(key, operator, values);
            assert_eq!(matches(&selector, &node), expected, "{selector:?}");
        }
    }

    #[test]
    fn all_terms_must_hold_and_no_term_means_nothing() {
        let node = labels(&[("station", "true"), ("zone", "lga03")]);
        let mut selector = requires("zone", SelectorOperator::In, &["lga03"]);
        selector.match_labels = labels(&[("station", "true")]);
        assert!(matches(&selector, &node));
        selector.match_labels = labels(&[("station", "false")]);
        assert!(!matches(&selector, &node));
        assert!(!matches(&NodeSelector::default(), &node));
    }
}
