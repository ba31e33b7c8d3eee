//! Replays the corpus of the fuzz target `tcp_info`.

#[path = "../../../fuzz/src/tcp_info.rs"]
pub mod tcp_info;

#[test]
fn every_input_of_the_corpus_is_handled() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/tcp_info");
    let mut inputs = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus") {
        let path = entry.expect("an entry of the corpus").path();
        tcp_info::check(&std::fs::read(&path).expect("an input of the corpus"));
        inputs += 1;
    }
    assert!(inputs > 0, "no input in `{corpus}`");
}
