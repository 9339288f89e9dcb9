//! One person: asks, waits for the whole answer, judges it, and perhaps asks again.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

use super::{
    facts::Facts,
    fleet::Fleet,
    ledger::{Ending, Ledger, Served},
    offset::Offset,
    plan::Users,
    traffic::Visitor,
};
use crate::{
    clock::{Clock, Timestamp},
    dice::Dice,
    units::Ratio,
};

/// Where people go and where it is noted.
pub struct Floor {
    /// Who answers.
    pub fleet: Arc<dyn Fleet>,
    /// What is noted.
    pub ledger: Ledger,
    /// How people behave.
    pub users: Users,
    /// What is true.
    pub facts: Facts,
    /// The time.
    pub clock: Clock,
    /// The drill's start.
    pub start: Timestamp,
}

impl Floor {
    /// The moment of the drill.
    pub fn now(&self) -> Offset {
        Offset::between(self.start, self.clock.now())
    }

    /// Serves one person until they are content or leave.
    pub async fn serve(&self, mut visitor: Visitor) {
        let dice = Dice::seeded(visitor.seed);
        let mut more = std::mem::take(&mut visitor.more).into_iter();
        while self.satisfy(&visitor, &dice).await {
            let Some(next) = more.next() else { return };
            sleep(self.pause(&dice)).await;
            visitor.question = next;
        }
    }

    /// Answers one question, asked again where that is what people do; whether an answer came in the end.
    async fn satisfy(&self, visitor: &Visitor, dice: &Dice) -> bool {
        for time in 0..=self.users.most_again {
            let node = (dice.bits() % u64::from(self.fleet.nodes().max(1))) as u32;
            let asked = self.now();
            let (ending, trace) = self.ask(node, visitor, asked).await;
            let served = Served { asked, ended: self.now(), ending, abusive: visitor.abusive };
            self.ledger.serve(served);
            if served.is_wrong() && self.users.complains > Ratio::ZERO {
                self.complain(node, &trace, dice).await;
            }
            // A machine has another identity for its next question.
            let again = if visitor.abusive { Ratio::ZERO } else { self.users.again_after(&served) };
            if time == self.users.most_again || dice.roll() >= again.as_f64() {
                return !served.is_error();
            }
            sleep(self.pause(dice)).await;
        }
        false
    }

    fn pause(&self, dice: &Dice) -> Duration {
        dice.between(self.users.pause / 2, self.users.pause * 3 / 2)
    }

    async fn ask(&self, node: u32, visitor: &Visitor, asked: Offset) -> (Ending, String) {
        match timeout(self.users.patience, self.fleet.ask(node, visitor)).await {
            Ok(Ok(told)) => {
                let right = told.answers(&visitor.question, &self.facts, asked, self.now());
                (Ending::Answered { source: told.source, right }, told.trace)
            }
            Ok(Err(_)) => (Ending::Failed, String::new()),
            Err(_) => (Ending::GaveUp, String::new()),
        }
    }

    /// Some of those who were told something wrong say so, once they have read it.
    async fn complain(&self, node: u32, trace: &str, dice: &Dice) {
        if dice.roll() < self.users.complains.as_f64() {
            sleep(self.pause(dice)).await;
            self.fleet.complain(node, trace).await;
        }
    }
}

impl Users {
    /// How likely somebody asks again after this.
    fn again_after(&self, served: &Served) -> Ratio {
        if served.is_error() {
            self.again_after_error
        } else if served.is_degraded() {
            self.again_after_degraded
        } else {
            Ratio::ZERO
        }
    }
}
