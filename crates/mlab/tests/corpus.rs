//! Replays the corpus of the fuzz target `flow_events`.

#[path = "../../../fuzz/src/flow_events.rs"]
pub mod flow_events;

#[test]
fn every_input_of_the_corpus_is_handled() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/flow_events");
    let mut inputs = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus") {
        let path = entry.expect("an entry of the corpus").path();
        flow_events::check(&std::fs::read(&path).expect("an input of the corpus"));
        inputs += 1;
    }
    assert!(inputs > 0, "no input in `{corpus}`");
}
