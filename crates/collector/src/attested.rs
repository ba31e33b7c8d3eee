//! What others than a station know of it: its token says of which pod and node it
//! is, and the operator's record which revision was assigned, and whether that is
//! the stable one.  A station that could say so itself could pass a canary's figures
//! for those of the stable revision, and the other way round.

use tonic::Status;
use trigpoint_lake::{Description, Sent};
use trigpoint_record::{Array, STATION_COLUMNS, Station};
use trigpoint_token_review::{Assignment, Bearer};

/// A station that shows a token of its pod.
#[derive(Debug, Clone)]
pub(crate) struct Attested {
    bearer: Bearer,
    assignment: Option<Assignment>,
}

/// What is known of it at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    machine: String,
    pod: String,
    assigned: Option<Assigned>,
}

/// What the operator's record says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Assigned {
    revision: String,
    /// Not known of a fleet without a stable revision: then the station's word, which
    /// has it from nobody, does not stand either.
    arm: Option<&'static str>,
}

impl Attested {
    pub(crate) fn new(bearer: Bearer, assignment: Option<Assignment>) -> Self {
        Self { bearer, assignment }
    }

    /// Refuses a Hello of another pod or node.
    pub(crate) fn check(&self, said: &Station) -> Result<(), Status> {
        let Bearer { pod, node, .. } = &self.bearer;
        for (what, known, said) in [("pod", pod, &said.pod), ("node", node, &said.machine)] {
            if known != said {
                return Err(Status::permission_denied(format!(
                    "the token is of {what} `{known}`, and the Hello says `{said}`: start the \
                     station with --machine and --pod from its own pod (spec.nodeName, \
                     metadata.name)"
                )));
            }
        }
        Ok(())
    }

    /// Which arm a revision is changes when it is promoted.
    pub(crate) fn known(&self) -> Known {
        let assigned = self.assignment.as_ref().map(|assignment| Assigned {
            revision: assignment.revision.clone(),
            arm: assignment.arm(),
        });
        Known { machine: self.bearer.node.clone(), pod: self.bearer.pod.clone(), assigned }
    }
}

impl Known {
    /// Puts what is known in the place of what a station of this pod said.
    pub(crate) fn correct(&self, station: &mut Station) {
        station.machine.clone_from(&self.machine);
        station.pod.clone_from(&self.pod);
        if let Some(Assigned { revision, arm }) = &self.assigned {
            station.revision.clone_from(revision);
            arm.unwrap_or_default().clone_into(&mut station.arm);
        }
    }

    /// The same in `rows` rows.  A spool on the node's own disk may hold rows of an
    /// earlier pod: of those only the node is known.
    pub(crate) fn fill(&self, rows: usize, sent: &mut Vec<Sent>) {
        let pods = place(sent, "pod").map(|at| &sent[at].array);
        let is_own = |row| pods.and_then(|pods| pods.text(row)).is_none_or(|pod| pod == self.pod);
        let own: Vec<bool> = (0..rows).map(is_own).collect();
        put(sent, "machine", Some(&self.machine), &vec![true; rows]);
        put(sent, "pod", Some(&self.pod), &own);
        if let Some(Assigned { revision, arm }) = &self.assigned {
            put(sent, "revision", Some(revision), &own);
            put(sent, "arm", *arm, &own);
        }
    }
}

/// Where a column that names the station was sent.
fn place(sent: &[Sent], name: &str) -> Option<usize> {
    let column = STATION_COLUMNS.iter().find(|column| column.name == name)?;
    sent.iter().position(|sent| sent.description.id == column.id)
}

/// Sets the column to `value` in the rows that are flagged.
fn put(sent: &mut Vec<Sent>, name: &str, value: Option<&str>, rows: &[bool]) {
    let Some(column) = STATION_COLUMNS.iter().find(|column| column.name == name) else { return };
    let at = place(sent, name);
    let mut array = Array::new(column.kind);
    for (row, is_known) in rows.iter().enumerate() {
        let said = at.and_then(|at| sent[at].array.text(row));
        array.push_text(if *is_known { value } else { said });
    }
    let known = Sent { description: Description::from(column), array };
    match at {
        Some(at) => sent[at] = known,
        None => sent.push(known),
    }
}

#[cfg(test)]
mod tests {
    use trigpoint_record::Batch;
    use trigpoint_record::tables::STATIONS;
    use trigpoint_record::tables::stations::{Event, StationEvent};

    use super::*;

    const KNOWN: [&str; 4] = ["node-1", "pod-b", "edge-2", "canary"];

    fn known() -> Known {
        let [machine, pod, revision, _] = KNOWN.map(str::to_owned);
        Known { machine, pod, assigned: Some(Assigned { revision, arm: Some("canary") }) }
    }

    /// Rows as they come from the wire: columns without a value are not there.
    fn sent(stations: &[Station]) -> Vec<Sent> {
        let mut batch = Batch::new(&STATIONS);
        for station in stations {
            let event = StationEvent { time: 0, event: Event::Ready, facts: Vec::new() };
            batch.push(event.into_row(station)).unwrap();
        }
        let columns = STATIONS.columns.iter().zip(batch.columns);
        columns
            .filter(|(_, array)| array.present.iter().any(|present| *present))
            .map(|(column, array)| Sent { description: Description::from(column), array })
            .collect()
    }

    fn texts(sent: &[Sent], row: usize) -> [Option<&str>; 4] {
        ["machine", "pod", "revision", "arm"]
            .map(|name| sent[place(sent, name).unwrap()].array.text(row))
    }

    #[test]
    fn what_a_station_says_of_itself_gives_way_to_what_is_known() {
        let forged = Station {
            site: "lga03".to_owned(),
            machine: "node-2".to_owned(),
            pod: "pod-b".to_owned(),
            revision: "edge-1".to_owned(),
            arm: "stable".to_owned(),
            ..Station::default()
        };
        let mut rows = sent(&[forged.clone(), Station::default()]);
        known().fill(2, &mut rows);
        assert_eq!(texts(&rows, 0), KNOWN.map(Some));
        assert_eq!(texts(&rows, 1), KNOWN.map(Some), "it need not say anything");
        let site = place(&rows, "site").unwrap();
        assert_eq!(rows[site].array.text(0), Some("lga03"), "nobody else knows the site");

        let mut station = forged;
        known().correct(&mut station);
        assert_eq!([station.machine, station.pod, station.revision, station.arm], KNOWN);
    }

    #[test]
    fn rows_of_an_earlier_pod_keep_its_revision() {
        let earlier = Station {
            machine: "node-1".to_owned(),
            pod: "pod-a".to_owned(),
            revision: "edge-1".to_owned(),
            arm: "stable".to_owned(),
            ..Station::default()
        };
        let mut rows = sent(&[earlier]);
        known().fill(1, &mut rows);
        assert_eq!(texts(&rows, 0), ["node-1", "pod-a", "edge-1", "stable"].map(Some));
    }

    #[test]
    fn what_nobody_knows_stays_as_it_was_said() {
        let said = Station {
            pod: "pod-b".to_owned(),
            revision: "edge-1".to_owned(),
            arm: "stable".to_owned(),
            ..Station::default()
        };
        let mut rows = sent(std::slice::from_ref(&said));
        Known { assigned: None, ..known() }.fill(1, &mut rows);
        assert_eq!(texts(&rows, 0), ["node-1", "pod-b", "edge-1", "stable"].map(Some));

        // A record that does not say which arm is no reason to believe the station.
        let assigned = Some(Assigned { revision: "edge-2".to_owned(), arm: None });
        Known { assigned, ..known() }.fill(1, &mut rows);
        assert_eq!(texts(&rows, 0), [Some("node-1"), Some("pod-b"), Some("edge-2"), None]);
    }

    #[test]
    fn a_hello_of_another_pod_or_node_is_refused() {
        let bearer = Bearer {
            account: "system:serviceaccount:stations:station".to_owned(),
            namespace: "stations".to_owned(),
            pod: "pod-b".to_owned(),
            node: "node-1".to_owned(),
        };
        let attested = Attested::new(bearer, None);
        let said = |machine: &str, pod: &str| Station {
            machine: machine.to_owned(),
            pod: pod.to_owned(),
            ..Station::default()
        };
        assert!(attested.check(&said("node-1", "pod-b")).is_ok());
        for (machine, pod, expected) in [
            ("node-2", "pod-b", "of node `node-1`, and the Hello says `node-2`"),
            ("node-1", "pod-a", "of pod `pod-b`, and the Hello says `pod-a`"),
            ("node-1", "", "of pod `pod-b`, and the Hello says ``"),
        ] {
            let refused = attested.check(&said(machine, pod)).unwrap_err();
            assert_eq!(refused.code(), tonic::Code::PermissionDenied);
            assert!(refused.message().contains(expected), "{}", refused.message());
        }
    }
}
