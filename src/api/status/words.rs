//! The status page's own sentences. They tell what is so and what a reader can do, and never to try again.

use std::time::Duration;

use super::report::Report;
use crate::engine::{degrade::language::Language, model::cascade::Health};

/// How things stand, in a sentence.
pub(super) fn headline(language: Language, report: &Report) -> &'static str {
    use Language::{En, Ja};
    match (language, report.health) {
        (En, Health::Operational) => "The assistant is working normally",
        (Ja, Health::Operational) => "アシスタントは正常に稼働しています",
        (En, Health::Limited) => "The assistant is working with limits",
        (Ja, Health::Limited) => "アシスタントは一部制限して稼働しています",
        (En, Health::Outage) => "The assistant cannot answer new questions right now",
        (Ja, Health::Outage) => "アシスタントは現在、新しいご質問にお答えできません",
    }
}

/// What that means for a reader.
pub(super) fn meaning(language: Language, report: &Report) -> &'static str {
    use Language::{En, Ja};
    match (language, report.health, report.cache_only) {
        (En, Health::Operational, _) => "All questions are answered as usual.",
        (Ja, Health::Operational, _) => "すべてのご質問に通常どおりお答えしています。",
        (En, Health::Limited, false) => {
            "All questions are answered. Some answers may be shorter or take longer than usual."
        }
        (Ja, Health::Limited, false) => {
            "すべてのご質問にお答えしています。回答が短くなる、または時間がかかる場合があります。"
        }
        (En, Health::Limited, true) => {
            "Common questions are answered. Other questions get a message instead of an answer."
        }
        (Ja, Health::Limited, true) => "よくあるご質問にはお答えしています。それ以外のご質問にはご案内のみ表示します。",
        (En, Health::Outage, _) => {
            "Common questions are still answered. There is no need to send a question more than once."
        }
        (Ja, Health::Outage, _) => {
            "よくあるご質問には引き続きお答えしています。同じご質問を繰り返しお送りいただく必要はありません。"
        }
    }
}

/// When it should be over.
pub(super) fn recovery(language: Language, left: Option<Duration>, at: &str) -> String {
    let minutes = left.map(|left| left.as_secs().div_ceil(60).max(1));
    match (language, minutes) {
        (Language::En, Some(1)) => format!("Expected back in about a minute (around {at}), judging by past incidents."),
        (Language::En, Some(minutes)) => {
            format!("Expected back in about {minutes} minutes (around {at}), judging by past incidents.")
        }
        (Language::En, None) => "We are working on it. How long it will take is not known yet.".into(),
        (Language::Ja, Some(minutes)) => format!("過去の障害から、約{minutes}分後({at}頃)に復旧する見込みです。"),
        (Language::Ja, None) => "復旧作業を進めています。復旧時刻はまだわかりません。".into(),
    }
}

/// How long something lasted.
pub(super) fn length(language: Language, length: Duration) -> String {
    let seconds = length.as_secs();
    match (language, seconds) {
        (Language::En, 0..120) => format!("{seconds} s"),
        (Language::Ja, 0..120) => format!("{seconds}秒"),
        (Language::En, 120..7_200) => format!("{} min", seconds / 60),
        (Language::Ja, 120..7_200) => format!("{}分", seconds / 60),
        (Language::En, _) => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        (Language::Ja, _) => format!("{}時間{}分", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A model by its part in answering, not by its name.
pub(super) fn part(language: Language, place: usize) -> String {
    match (language, place) {
        (Language::En, 0) => "Main model".into(),
        (Language::Ja, 0) => "メインモデル".into(),
        (Language::En, 1) => "Backup model".into(),
        (Language::Ja, 1) => "予備モデル".into(),
        (Language::En, n) => format!("Backup model {n}"),
        (Language::Ja, n) => format!("予備モデル{n}"),
    }
}

/// The short words of the page.
pub(super) struct Labels {
    pub(super) title: &'static str,
    pub(super) questions: &'static str,
    pub(super) up: &'static str,
    pub(super) limited: &'static str,
    pub(super) down: &'static str,
    pub(super) since: &'static str,
    pub(super) past: &'static str,
    pub(super) none: &'static str,
    pub(super) instead: &'static str,
    pub(super) updated: &'static str,
    pub(super) incident: &'static str,
}

/// Those of a language.
pub(super) fn labels(language: Language) -> Labels {
    match language {
        Language::En => Labels {
            title: "Service status",
            questions: "New questions",
            up: "working",
            limited: "limited",
            down: "not answering",
            since: "Since",
            past: "Past incidents",
            none: "None that this server has seen.",
            instead: "What you can do now",
            updated: "As of",
            incident: "New questions were not answered",
        },
        Language::Ja => Labels {
            title: "稼働状況",
            questions: "新しいご質問",
            up: "正常",
            limited: "一部制限",
            down: "停止中",
            since: "発生",
            past: "過去の障害",
            none: "このサーバーで確認された障害はありません。",
            instead: "今ご利用いただけるもの",
            updated: "更新",
            incident: "新しいご質問にお答えできませんでした",
        },
    }
}
