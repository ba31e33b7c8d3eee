//! Replays the corpus of the fuzz target `ndt7_messages`.

#[path = "../../../fuzz/src/ndt7_messages.rs"]
pub mod ndt7_messages;

#[test]
fn every_input_of_the_corpus_is_handled() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/ndt7_messages");
    let mut inputs = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus") {
        let path = entry.expect("an entry of the corpus").path();
        ndt7_messages::check(&std::fs::read(&path).expect("an input of the corpus"));
        inputs += 1;
    }
    assert!(inputs > 0, "no input in `{corpus}`");
}
