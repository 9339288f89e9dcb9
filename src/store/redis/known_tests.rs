use std::time::Duration;

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn tag(name: &str) -> Tag {
    Tag(name.into())
}

fn learnt(known: &mut Known, name: &str, generation: u64) {
    let mark = known.mark();
    known.learn(&tag(name), generation, mark);
}

#[test]
fn an_unknown_tag_is_neither_right_nor_wrong() {
    assert_eq!(Known::default().have_passed(&[(tag("a"), 0)], NOW), None);
}

#[test]
fn a_push_alone_does_not_make_a_tag_known() {
    let mut known = Known::default();
    assert!(known.hear(&tag("a"), 9), "it is news all the same");
    assert_eq!(known.of(&tag("a")), None);
}

#[test]
fn a_late_answer_cannot_undo_a_push() {
    let mut known = Known::default();
    learnt(&mut known, "a", 3);
    assert!(known.hear(&tag("a"), micros(NOW)));
    learnt(&mut known, "a", 3);
    assert_eq!(known.of(&tag("a")), Some(micros(NOW)));
}

#[test]
fn an_answer_to_a_question_from_before_a_break_counts_for_nothing() {
    let mut known = Known::default();
    let mark = known.mark();
    known.doubt(NOW);
    known.learn(&tag("a"), 5, mark);
    assert_eq!(known.of(&tag("a")), None);
}

#[test]
fn a_redis_that_lost_an_invalidation_is_told_again_and_not_believed() {
    let mut known = Known::default();
    learnt(&mut known, "a", 3);
    let invalidated = micros(NOW) - 5;
    known.hear(&tag("a"), invalidated);
    known.doubt(NOW);
    learnt(&mut known, "a", 3);
    assert_eq!(known.have_passed(&[(tag("a"), 3)], NOW), Some(true));
    assert_eq!(known.debt().tags(), [(tag("a"), invalidated)]);
    let debt = known.debt();
    known.paid(&debt);
    assert_eq!(known.debt(), Debt::default());
}

#[test]
fn an_old_invalidation_is_not_told_again_after_a_break_unless_redis_lacks_it() {
    let mut known = Known::default();
    learnt(&mut known, "a", micros(NOW) - 2 * LOSABLE);
    known.doubt(NOW);
    assert_eq!(known.debt().tags(), []);
    learnt(&mut known, "a", 1);
    assert_eq!(known.debt().tags(), [(tag("a"), micros(NOW) - 2 * LOSABLE)]);
}

#[test]
fn what_redis_could_not_be_told_voids_everything_until_it_is_told() {
    let mut known = Known::default();
    learnt(&mut known, "a", 5);
    assert!(known.hold(&[tag("a")]));
    // Whatever the clocks of the two say.
    assert_eq!(known.have_passed(&[(tag("a"), u64::MAX)], NOW), Some(true));
    assert_eq!(known.debt().tags(), [(tag("a"), 0)]);
    let debt = known.debt();
    known.paid(&debt);
    known.hear(&tag("a"), micros(NOW));
    assert_eq!(known.have_passed(&[(tag("a"), micros(NOW))], NOW), Some(false));
}

#[test]
fn what_is_invalidated_again_while_redis_is_told_is_told_again() {
    let mut known = Known::default();
    known.hold(&[tag("a"), tag("b")]);
    let debt = known.debt();
    known.hold(&[tag("a")]);
    known.paid(&debt);
    assert_eq!(known.debt().tags(), [(tag("a"), 0)]);
}

#[test]
fn an_invalidation_older_than_any_entry_voids_nothing() {
    let mut known = Known::default();
    learnt(&mut known, "a", micros(NOW));
    assert_eq!(known.have_passed(&[(tag("a"), 0)], NOW), Some(true));
    assert_eq!(known.have_passed(&[(tag("a"), 0)], NOW + LONGEST_LIFE + Duration::from_secs(1)), Some(false));
}

/// A reader whose answers and pushes travel on different connections: an answer may arrive long after it was given, on
/// either side of a push, and an ear may break with a push under way.
mod travelling {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Step {
        /// Redis answers what the tag's generation is; then the answer arrives.
        Answer,
        Arrive,
        /// Redis gives the entry; then it arrives, is compared, and is held.
        Give,
        Hold,
        /// Somebody invalidates; then the push arrives, unless the ear broke.
        Invalidate,
        Push,
        Break,
    }

    #[derive(Default)]
    struct Reader {
        known: Known,
        redis: u64,
        answer: (u64, Mark),
        /// The near cache's epoch when the entry was asked for, and now.
        asked: u64,
        epoch: u64,
        is_held: bool,
        is_under_way: bool,
        has_heard: bool,
    }

    impl Reader {
        fn void(&mut self) {
            (self.epoch, self.is_held) = (self.epoch + 1, false);
        }

        fn step(&mut self, step: Step) {
            match step {
                Step::Answer => self.answer = (self.redis, self.known.mark()),
                Step::Arrive => self.known.learn(&tag("a"), self.answer.0, self.answer.1),
                Step::Give => self.asked = self.epoch,
                Step::Hold => {
                    let is_valid = self.known.have_passed(&[(tag("a"), 1)], NOW) == Some(false);
                    self.is_held = is_valid && self.asked == self.epoch;
                }
                Step::Invalidate => (self.redis, self.is_under_way) = (micros(NOW), true),
                Step::Push if self.is_under_way => {
                    self.known.hear(&tag("a"), self.redis);
                    self.void();
                    self.has_heard = true;
                }
                Step::Push => {}
                Step::Break => {
                    self.known.doubt(NOW);
                    self.void();
                    self.has_heard |= self.is_under_way;
                    self.is_under_way = false;
                }
            }
        }
    }

    fn orders(rest: &[Vec<Step>]) -> Vec<Vec<Step>> {
        if rest.iter().all(Vec::is_empty) {
            return vec![vec![]];
        }
        let starts = (0..rest.len()).filter(|at| !rest[*at].is_empty());
        starts
            .flat_map(|at| {
                let mut left = rest.to_vec();
                let first = left[at].remove(0);
                orders(&left).into_iter().map(move |tail| [vec![first], tail].concat())
            })
            .collect()
    }

    #[test]
    fn an_entry_read_before_an_invalidation_was_heard_is_not_held_after_it() {
        use Step::{Answer, Arrive, Break, Give, Hold, Invalidate, Push};
        let reads = vec![Answer, Arrive, Give, Hold];
        let all = orders(&[reads.clone(), vec![Invalidate, Push], vec![Break], reads[..2].to_vec()]);
        let (mut held, mut heard) = (0, 0);
        for order in &all {
            let mut reader = Reader { redis: 1, ..Reader::default() };
            for step in order {
                reader.step(*step);
                held += usize::from(reader.is_held);
                heard += usize::from(reader.has_heard);
                assert!(!(reader.has_heard && reader.is_held), "{order:?} holds a void entry after {step:?}");
            }
        }
        assert!(all.len() > 3_000 && held > 100 && heard > 100, "{} orders, {held} held, {heard} heard", all.len());
    }
}
