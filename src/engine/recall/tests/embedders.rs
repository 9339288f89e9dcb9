//! Entries of one embedder are nothing to another.

use super::*;

/// The hashed embedder under another name.
struct Renamed(Hashed, &'static str);

#[async_trait::async_trait]
impl Embedder for Renamed {
    fn name(&self) -> &str {
        self.1
    }
    fn dimensions(&self) -> usize {
        self.0.dimensions()
    }
    fn is_cheap(&self) -> bool {
        true
    }
    async fn embed(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        self.0.embed(text).await
    }
}

/// An embedder that finds everything the same.
struct Short;

#[async_trait::async_trait]
impl Embedder for Short {
    fn name(&self) -> &str {
        "hashed-1"
    }
    fn dimensions(&self) -> usize {
        2
    }
    fn is_cheap(&self) -> bool {
        true
    }
    async fn embed(&self, _: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(vec![1.0, 1.0])
    }
}

#[tokio::test(start_paused = true)]
async fn entries_of_another_embedder_are_found_by_their_words_and_never_by_meaning() {
    let clock = Clock::starting_at(Timestamp(0));
    let store = Arc::new(Embedded::in_memory(Limits::default(), clock));
    let renamed = |name| Arc::new(Renamed(Hashed::new(shop().lexicon().clone()), name));
    let (kept, asked) = ("When does One Piece volume 110 come out?", "When will One Piece vol. 110 be released?");
    let old = Node::with(store.clone(), clock, shop(), renamed("model-a-384"));
    old.keep(&old.question(kept)).await;
    assert_eq!(source(old.ask(asked).await), Some(Source::Semantic));
    let others: [Arc<dyn Embedder>; 3] = [renamed("model-b-384"), renamed("model-a-512"), Arc::new(Short)];
    for other in others {
        let node = Node::with(store.clone(), clock, shop(), other);
        settle().await;
        assert_eq!(node.ask(asked).await, None);
        assert_eq!(source(node.ask(kept).await), Some(Source::Exact));
    }
    let same = Node::with(store, clock, shop(), renamed("model-a-384"));
    settle().await;
    assert_eq!(source(same.ask(asked).await), Some(Source::Semantic));
}

#[tokio::test(start_paused = true)]
async fn vectors_of_another_length_under_the_same_name_are_left_out() {
    let clock = Clock::starting_at(Timestamp(0));
    let store = Arc::new(Embedded::in_memory(Limits::default(), clock));
    let old = Node::on(store.clone(), clock);
    old.keep(&old.question("When does One Piece volume 110 come out?")).await;
    let node = Node::with(store, clock, shop(), Arc::new(Short));
    settle().await;
    assert_eq!(node.ask("When will One Piece vol. 110 be released?").await, None);
    assert!(node.recall.index.is_empty());
}
