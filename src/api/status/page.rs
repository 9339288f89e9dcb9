//! The status page: one small HTML file without a script, a font or an image from elsewhere.

use std::fmt::Write;

use chrono_tz::Tz;

use super::{
    report::Report,
    words::{self, Labels},
};
use crate::{
    clock::Timestamp,
    engine::{
        degrade::{language::Language, page::Page},
        model::{cascade::Health, outages::Outage},
    },
};

const STYLE: &str = include_str!("page.css");

/// The page in a language.
pub(super) fn render(report: &Report, page: &Page, language: Language) -> String {
    let labels = words::labels(language);
    let name = escaped(page.name(language).unwrap_or_default());
    let title = if name.is_empty() { labels.title.to_owned() } else { format!("{name} – {}", labels.title) };
    let mut html = String::with_capacity(6_000);
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"{code}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta http-equiv=\"refresh\" content=\"30\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body class=\"{class}\">\n<main>\n\
         <header><h1>{title}</h1>{other}</header>\n",
        code = language.code(),
        class = class(report.health),
        other = other_language(language),
    );
    if let Some(notice) = page.notice(language) {
        let _ = writeln!(html, "<p class=\"notice\" role=\"note\">{}</p>", escaped(notice));
    }
    html.push_str(&now(report, &labels, page.zone(), language));
    html.push_str(&parts(report, &labels, language));
    html.push_str(&links(&labels, page, language));
    html.push_str(&past(report, &labels, page.zone(), language));
    let _ = write!(
        html,
        "<footer>{} {}</footer>\n</main>\n</body>\n</html>\n",
        labels.updated,
        time(report.at, page.zone())
    );
    html
}

fn now(report: &Report, labels: &Labels, zone: Tz, language: Language) -> String {
    let mut html = format!(
        "<section class=\"now\" role=\"status\"><h2><span class=\"light\" aria-hidden=\"true\"></span>{}</h2>\n<p>{}</p>\n",
        words::headline(language, report),
        words::meaning(language, report)
    );
    if let Some(since) = report.since {
        let _ = writeln!(html, "<p>{} {}</p>", labels.since, time(since, zone));
    }
    if report.health == Health::Outage {
        let at =
            report.recovery.map(|at| at.to_utc().with_timezone(&zone).format("%H:%M").to_string()).unwrap_or_default();
        let _ = writeln!(html, "<p class=\"recovery\">{}</p>", words::recovery(language, report.left(), &at));
    }
    html + "</section>\n"
}

fn parts(report: &Report, labels: &Labels, language: Language) -> String {
    let line = |name: &str, class: &str, state: &str| {
        format!("<li class=\"{class}\"><span>{name}</span><span class=\"state\">{state}</span></li>\n")
    };
    let overall = match report.health {
        Health::Operational => labels.up,
        Health::Limited => labels.limited,
        Health::Outage => labels.down,
    };
    let models = report.parts.iter().enumerate().map(|(place, up)| match up {
        true => line(&words::part(language, place), "operational", labels.up),
        false => line(&words::part(language, place), "outage", labels.down),
    });
    let first = line(labels.questions, class(report.health), overall);
    format!("<ul class=\"parts\">\n{first}{}</ul>\n", models.collect::<String>())
}

fn links(labels: &Labels, page: &Page, language: Language) -> String {
    let list: String = page
        .links(language)
        .map(|(to, words)| format!("<li><a href=\"{}\">{}</a></li>\n", escaped(to), escaped(words)))
        .collect();
    if list.is_empty() { list } else { format!("<section><h2>{}</h2>\n<ul>\n{list}</ul></section>\n", labels.instead) }
}

fn past(report: &Report, labels: &Labels, zone: Tz, language: Language) -> String {
    let line = |outage: &Outage| {
        let length = words::length(language, outage.length(report.at));
        format!(
            "<li>{} <span>{}</span> <span class=\"state\">{length}</span></li>\n",
            time(outage.start, zone),
            labels.incident
        )
    };
    let list: String = report.past.iter().map(line).collect();
    let list = if list.is_empty() {
        format!("<p>{}</p>\n", labels.none)
    } else {
        format!("<ul class=\"past\">\n{list}</ul>\n")
    };
    format!("<section><h2>{}</h2>\n{list}</section>\n", labels.past)
}

fn other_language(language: Language) -> &'static str {
    match language {
        Language::En => "<a href=\"?lang=ja\" lang=\"ja\" hreflang=\"ja\">日本語</a>",
        Language::Ja => "<a href=\"?lang=en\" lang=\"en\" hreflang=\"en\">English</a>",
    }
}

fn class(health: Health) -> &'static str {
    match health {
        Health::Operational => "operational",
        Health::Limited => "limited",
        Health::Outage => "outage",
    }
}

fn time(at: Timestamp, zone: Tz) -> String {
    let local = at.to_utc().with_timezone(&zone);
    format!("<time datetime=\"{at}\">{}</time>", local.format("%Y-%m-%d %H:%M %Z"))
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
        safe
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{files::Files, problem::Problems},
        engine::model::cascade::Situation,
    };

    fn report(end: Option<Timestamp>) -> Report {
        let outages = vec![Outage { start: Timestamp(1_800_000_000_000), end }];
        let at = Timestamp(1_800_000_300_000);
        let recovery = end.is_none().then_some(Timestamp(1_800_000_420_000));
        Report::of(&Situation { at, mode: "normal".into(), up: vec![false, true], outages, recovery })
    }

    #[test]
    fn an_outage_is_told_in_the_readers_language_and_the_shops_time() {
        let page = Page::load(&Files::shipped(), &mut Problems::default());
        let html = render(&report(None), &page, Language::Ja);
        for part in [
            "lang=\"ja\"",
            "マンガアシスト",
            "約2分後(17:07頃)",
            "2027-01-15 17:00 JST",
            "予備モデル",
            "class=\"outage\"",
        ] {
            assert!(html.contains(part), "{part} is missing in\n{html}");
        }
        let html = render(&report(Some(Timestamp(1_800_000_100_000))), &page, Language::En);
        for part in ["with limits", "100 s", "Backup model", "href=\"mailto:support@mangaassist.example\""] {
            assert!(html.contains(part), "{part} is missing in\n{html}");
        }
    }

    #[test]
    fn an_operators_words_are_text_and_never_markup() {
        let text = "status: page\nname: { en: '<b>' }\nnotice: { en: 'a & <script>x</script>' }\n";
        let page = Page::load(&Files::of([("policies/status.yaml", text)]), &mut Problems::default());
        let html = render(&report(None), &page, Language::En);
        assert!(
            html.contains("&lt;b&gt;") && html.contains("a &amp; &lt;script&gt;") && !html.contains("<script"),
            "{html}"
        );
    }
}
