//! The way of an answer past the guardrails: held or not, and kept or not. What comes from the cache is in `vet`.

pub(in crate::engine) mod vet;

use std::sync::Arc;

use bytes::Bytes;
use tokio::{sync::oneshot, time::Instant};

use super::{
    answer::Engine,
    answer_log::{AnswerLog, LogWriter},
    asked::NotAlone,
    coalesce::LeadTurn,
    completion::{self, Ending},
    dialect,
    guard::{
        guardrail::{Side, Unsure},
        mode::Mode,
        over::{Held, Over, Verdict},
        pump::{Flow, Pump},
        revise::Watch,
    },
    model::failure::{Class, Failure},
    recall::write::{Fill, Kept},
    source::{Origin, Source},
    understand::question::Question,
};
use crate::{ids::ModelName, store::Shape};

/// How far the check of an answer has come when all of it is written.
pub(super) enum Check {
    /// Nothing looks at it.
    None,
    /// All of it passed.
    Passed,
    /// It was said, and is to be checked now.
    After(Over, Arc<Watch>),
    /// It was said before these looks were over.
    Late(Vec<oneshot::Receiver<Verdict>>),
    /// It was said although a look came to nothing: it is kept without the mark.
    Unsure,
    /// It is not to be kept.
    Refused,
}

/// An answer that was written.
pub(super) struct Told {
    /// By whom; `None` when a guardrail did not let the model finish.
    pub(super) model: Option<ModelName>,
    pub(super) check: Check,
}

/// How a stream went past the guardrails.
enum Pumped {
    /// It is no stream.
    Whole,
    To(Check),
}

impl Engine {
    /// Has the models answer, past the guardrails.
    pub(super) async fn fill(
        &self,
        over: Option<Over>,
        question: &Question,
        turn: &mut LeadTurn,
        deadline: Instant,
    ) -> Result<Told, Failure> {
        let Some(over) = over else {
            let filled = self.cascade.fill(&question.asked, turn.writer(), deadline).await?;
            return Ok(Told { model: Some(filled.model), check: Check::None });
        };
        let watch = self.guard.watch(&over);
        turn.log().watch(watch.clone());
        if over.mode().holds() {
            return self.fill_held(&over, question, turn, &watch, deadline).await;
        }
        let filled = self.cascade.fill(&question.asked, turn.writer(), deadline).await?;
        Ok(Told { model: Some(filled.model), check: Check::After(over, watch) })
    }

    /// The model writes into a draft that nobody reads but the guardrails. While nothing of it is out, something else can
    /// still stand in for it.
    async fn fill_held(
        &self,
        over: &Over,
        question: &Question,
        turn: &mut LeadTurn,
        watch: &Arc<Watch>,
        deadline: Instant,
    ) -> Result<Told, Failure> {
        let (mut writer, draft) = AnswerLog::open();
        let filling = async move {
            let filled = self.cascade.fill(&question.asked, &mut writer, deadline).await;
            match &filled {
                Ok(_) => writer.seal(),
                Err(failure) => writer.fail(failure.clone()),
            }
            filled
        };
        tokio::pin!(filling);
        let (mut model, mut pumped) = (None, Pumped::Whole);
        if in_pieces(over, question) {
            let pumping = self.pump(over, question, turn, &draft, watch);
            tokio::pin!(pumping);
            pumped = tokio::select! {
                biased;
                filled = &mut filling => {
                    model = Some(filled?.model);
                    pumping.await?
                }
                pumped = &mut pumping => pumped?,
            };
        }
        let check = match pumped {
            // The model is not asked to finish what nobody will read.
            Pumped::To(Check::Refused) => Check::Refused,
            pumped => {
                if model.is_none() {
                    model = Some(filling.await?.model);
                }
                match pumped {
                    Pumped::To(check) => check,
                    Pumped::Whole => self.say_whole(over, question, turn, &draft, watch).await?,
                }
            }
        };
        Ok(Told { model, check })
    }

    /// Lets a stream out as its pieces pass.
    async fn pump(
        &self,
        over: &Over,
        question: &Question,
        turn: &mut LeadTurn,
        draft: &AnswerLog,
        watch: &Arc<Watch>,
    ) -> Result<Pumped, Failure> {
        if draft.shape().await? == Shape::Body {
            return Ok(Pumped::Whole);
        }
        let (mut reader, mut pump) = (draft.reader(), Pump::new(over, &question.asked.text, watch, &self.tasks));
        loop {
            let event = reader.next().await.transpose()?;
            let is_over = event.is_none();
            let flow = match event {
                Some(event) => pump.take(event).await,
                None => pump.finish().await,
            };
            match flow {
                Flow::Out(events) => say(turn.writer(), draft, Shape::Events, events),
                Flow::Cut(words) => {
                    self.cut(question, turn, &words)?;
                    return Ok(Pumped::To(Check::Refused));
                }
            }
            if is_over {
                return Ok(Pumped::To(settled(pump)));
            }
        }
    }

    /// Says a draft once all of it is checked.
    async fn say_whole(
        &self,
        over: &Over,
        question: &Question,
        turn: &mut LeadTurn,
        draft: &AnswerLog,
        watch: &Arc<Watch>,
    ) -> Result<Check, Failure> {
        let (shape, chunks) = draft.so_far();
        let (text, several) = words(question, shape, &chunks);
        let held = match text.is_empty() {
            true => Held::Said(None),
            false => over.hold(Side::Answer, text, &question.asked.text, watch, &self.tasks).await,
        };
        let (chunks, check) = match held {
            Held::Said(None) => (chunks, Check::Passed),
            Held::Released(None) => (chunks, Check::Unsure),
            Held::Released(Some(late)) => (chunks, Check::Late(vec![late])),
            Held::Said(Some(masked)) => {
                let reworded = completion::reword(shape, &chunks, &masked).filter(|_| !several);
                let Some(reworded) = reworded else {
                    self.refuse(question, turn.writer(), &over.refusal(None, &question.asked.text))?;
                    return Ok(Check::Refused);
                };
                (reworded, Check::Passed)
            }
            Held::Refused(words) => {
                self.refuse(question, turn.writer(), &words)?;
                return Ok(Check::Refused);
            }
        };
        say(turn.writer(), draft, shape, chunks);
        Ok(check)
    }

    /// Ends a stream that may not go on; an answer of which nothing is out is replaced.
    fn cut(&self, question: &Question, turn: &mut LeadTurn, words: &str) -> Result<(), Failure> {
        if !turn.writer().has_begun() {
            return self.refuse(question, turn.writer(), words);
        }
        let (_, told) = turn.log().so_far();
        let events = dialect::cut::cut(question.asked.dialect, &told, words).ok_or_else(unsaid)?;
        events.into_iter().for_each(|event| turn.writer().push(Shape::Events, event));
        Ok(())
    }

    /// Says these words instead of an answer.
    pub(super) fn refuse(&self, question: &Question, writer: &mut LogWriter, words: &str) -> Result<(), Failure> {
        let dialect = question.asked.dialect;
        if !dialect.has_words() {
            return Err(unsaid());
        }
        let id = format!("{:016x}", self.dice.bits());
        let body = completion::say_and_end(dialect, words, Ending::Guarded, &id, self.clock.now());
        writer.begin(Origin::of(Source::Guarded, None));
        writer.push(Shape::Body, body);
        Ok(())
    }

    /// Has an answer that is out checked as far as it is not yet, and kept if it may be; without a fill it is only checked.
    /// To be called behind the readers' backs. What is given back ends when it is kept, or will not be.
    pub(super) fn keep(
        self: &Arc<Self>,
        question: &Arc<Question>,
        fill: Option<Fill>,
        told: Told,
        log: &AnswerLog,
    ) -> Kept {
        let (shape, chunks) = log.so_far();
        let (engine, question) = (self.clone(), question.clone());
        let keeping = Keeping { engine, question, fill, model: told.model, shape, chunks };
        match told.check {
            Check::Refused => keeping.carry_out(Outcome::Wrong),
            Check::None | Check::Unsure => keeping.carry_out(Outcome::Unsure),
            Check::Passed => keeping.carry_out(Outcome::Passed),
            Check::After(over, watch) if !over.asks_a_service() => {
                let verdict = over.look(Side::Answer, &keeping.words()).into();
                watch.settle(&verdict);
                keeping.carry_out(Outcome::of(&verdict, true))
            }
            check => {
                let (tell, kept) = oneshot::channel();
                self.tasks.spawn(async move {
                    let outcome = keeping.await_check(check).await;
                    let _ = keeping.carry_out(outcome).await;
                    let _ = tell.send(());
                });
                kept
            }
        }
    }
}

/// What a check comes to for the cache, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Passed,
    /// It may be kept, and is looked at again when it is given.
    Unsure,
    Wrong,
}

impl Outcome {
    fn of(verdict: &Verdict, fails_open: bool) -> Self {
        match verdict {
            Verdict::Clean => Self::Passed,
            Verdict::Unsure(_) if fails_open => Self::Unsure,
            Verdict::Unsure(_) | Verdict::Masked { .. } | Verdict::Blocked { .. } => Self::Wrong,
        }
    }
}

/// An answer that is out, and what it takes to keep it.
struct Keeping {
    engine: Arc<Engine>,
    question: Arc<Question>,
    fill: Option<Fill>,
    model: Option<ModelName>,
    shape: Shape,
    chunks: Vec<Bytes>,
}

impl Keeping {
    fn words(&self) -> String {
        words(&self.question, self.shape, &self.chunks).0
    }

    async fn await_check(&self, check: Check) -> Outcome {
        match check {
            Check::After(over, watch) => {
                let verdict = over.judge(Side::Answer, &self.words()).await;
                watch.settle(&verdict);
                Outcome::of(&verdict, over.fails_open())
            }
            Check::Late(late) => {
                let mut all = Outcome::Passed;
                for verdict in late {
                    let verdict = verdict.await.unwrap_or(Verdict::Unsure(Unsure::Failed));
                    all = all.max(Outcome::of(&verdict, true));
                }
                all
            }
            Check::None | Check::Unsure => Outcome::Unsure,
            Check::Passed => Outcome::Passed,
            Check::Refused => Outcome::Wrong,
        }
    }

    fn carry_out(self, outcome: Outcome) -> Kept {
        let Self { engine, question, fill: Some(fill), model: Some(model), shape, chunks } = self else {
            return oneshot::channel().1;
        };
        match outcome {
            Outcome::Wrong => oneshot::channel().1,
            passed => {
                let fill = if passed == Outcome::Passed { fill.passed() } else { fill };
                engine.recall.remember(&question, fill, &model, shape, chunks)
            }
        }
    }
}

/// Whether a stream can be let out piece by piece: one choice, in a format whose words can be told.
fn in_pieces(over: &Over, question: &Question) -> bool {
    over.mode() == Mode::Chunked
        && question.asked.dialect.has_words()
        && question.asked.not_alone != Some(NotAlone::SeveralChoices)
}

/// What an answer says, and whether in several choices. A format that nobody can read is looked at as it is.
fn words(question: &Question, shape: Shape, chunks: &[Bytes]) -> (String, bool) {
    if question.asked.dialect.has_words() {
        return completion::all_words(shape, chunks);
    }
    (chunks.iter().map(|chunk| String::from_utf8_lossy(chunk)).collect(), true)
}

/// Writes what passed where everybody reads it.
fn say(writer: &mut LogWriter, draft: &AnswerLog, shape: Shape, chunks: Vec<Bytes>) {
    if !writer.has_begun()
        && let Some(origin) = draft.origin()
    {
        writer.begin(origin);
    }
    chunks.into_iter().for_each(|chunk| writer.push(shape, chunk));
}

fn settled(pump: Pump<'_>) -> Check {
    match pump.into_late() {
        (_, true) => Check::Unsure,
        (late, false) if late.is_empty() => Check::Passed,
        (late, false) => Check::Late(late),
    }
}

/// A guardrail stepped in where a format has no words for it.
fn unsaid() -> Failure {
    Failure::new(Class::Refused, "a guardrail blocked the answer, and its format has no words for that")
        .coded("guardrail_intervened")
}
