use std::sync::LazyLock;

use serde_json::json;

use super::*;

static SHOP: LazyLock<Understanding> =
    LazyLock::new(|| Understanding::load(&Files::shipped(), &mut Problems::default()).expect("the shipped shop"));

const CATALOG: &str = r#"mapping: price-changed
pattern:
  source: [com.mangaassist.catalog]
  detail-type: [product.price.changed]
tags:
  - "product:{$.detail.asin}"
  - "title:{$.detail.title?}"
announce: { kind: sale, subject: "{$.detail.title}", details: { asin: "{$.detail.asin}" } }
warm: ["{$.detail.title}"]
samples:
  - event:
      source: com.mangaassist.catalog
      detail-type: product.price.changed
      detail: { asin: B0DS, title: DEMON SLAYER }
    tags: ["title:Demon Slayer", product:b0ds]
"#;

fn load(text: &str) -> (Mappings, Vec<String>) {
    let mut problems = Problems::default();
    let mappings = Mappings::load(&Files::of([("policies/events.yaml", text)]), &SHOP, &mut problems);
    (mappings, problems.sorted().iter().map(ToString::to_string).collect())
}

fn wrong(text: &str) -> String {
    load(text).1.join("\n")
}

#[test]
fn a_mapping_says_what_becomes_void_and_what_is_announced() {
    let (mappings, problems) = load(CATALOG);
    assert_eq!(problems, [""; 0]);
    let event = json!({ "source": "com.mangaassist.catalog", "detail-type": "product.price.changed",
                        "detail": { "asin": "B0DS", "title": "鬼滅の刃" } });
    let reading = mappings.read(&event, &SHOP);
    let tags: Vec<_> = reading.tags.iter().map(|tag| &*tag.0).collect();
    assert_eq!(tags, ["product:b0ds", "title:demon slayer"]);
    let announced: Vec<_> = reading.announced.iter().map(|a| (a.kind.as_str(), a.subject.as_str())).collect();
    assert_eq!(announced, [("sale", "鬼滅の刃"), ("warming", "鬼滅の刃")]);
    assert_eq!((reading.missing.len(), reading.renamed), (0, None));
}

#[test]
fn titles_are_the_same_in_every_spelling_and_alias() {
    for spelling in
        ["Dragon Ball Super", "ＤＲＡＧＯＮ ＢＡＬＬ ＳＵＰＥＲ", "ドラゴンボール超", "DB超", "dragonball super"]
    {
        let tags = tags(&format!("title:{spelling}"), &SHOP, &mut Vec::new());
        assert_eq!(tags, [Tag("title:dragon ball super".into())], "{spelling}");
    }
}

#[test]
fn a_renamed_detail_type_of_a_known_sender_is_not_simply_ignored() {
    let (mappings, _) = load(CATALOG);
    let event = |source: &str, kind: &str| json!({ "source": source, "detail-type": kind, "detail": { "asin": "B1" } });
    let renamed = mappings.read(&event("com.mangaassist.catalog", "PriceChanged"), &SHOP).renamed.expect("renamed");
    assert!(renamed.contains("`PriceChanged`") && renamed.contains("`price-changed`"), "{renamed}");
    assert_eq!(mappings.read(&event("aws.ec2", "PriceChanged"), &SHOP).renamed, None);
    let (with_noise, problems) = load(&format!(
        "{CATALOG}---\nmapping: noise\npattern: {{ source: [com.mangaassist.catalog], detail-type: [image.changed] }}\nignore: true\n\
         samples: [{{ event: {{ source: com.mangaassist.catalog, detail-type: image.changed, detail: {{}} }} }}]\n"
    ));
    assert_eq!(problems, [""; 0]);
    let noise = with_noise.read(&event("com.mangaassist.catalog", "image.changed"), &SHOP);
    assert_eq!((noise.mappings.len(), noise.tags.len(), noise.renamed), (1, 0, None));
}

#[test]
fn a_sample_that_its_mapping_no_longer_matches_is_told_with_its_place() {
    let said =
        wrong(&CATALOG.replace("  detail-type: [product.price.changed]", "  detail-type: [product.price.change]"));
    assert_eq!(
        said,
        "policies/events.yaml:13:20: `price-changed` does not match its sample: `detail-type` is \
         `product.price.changed`, and the pattern wants `product.price.change`; did you mean `product.price.change`?"
    );
}

#[test]
fn a_renamed_field_is_told_with_what_was_meant() {
    let said = wrong(&CATALOG.replace("{ asin: B0DS", "{ asins: B0DS").replace("title?", "titel?"));
    for part in [
        "policies/events.yaml:6:6: the tag `product:{$.detail.asin}` stays empty for the sample at line 12: `$.detail.asin` is not in it; did you mean `asins`?",
        "policies/events.yaml:7:6: no sample contains what `title:{$.detail.titel?}` asks for: `$.detail.titel` is not in it; did you mean `title`?",
        "policies/events.yaml:15:11: this sample gives the tags [], not [product:b0ds, title:demon slayer]",
    ] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
}

#[test]
fn every_mistake_of_a_mapping_is_told_at_its_place() {
    for (from, to, told) in [
        ("\"title:{", "\"titel:{", "7:5: no answer has a tag of the kind `titel`; did you mean `title`?"),
        ("\"title:{", "\"intent:{$.detail.asin}-{", "this sample gives the tags"),
        (
            "\"title:{$.detail.title?}\"",
            "intent:pricin",
            "no intent of policies/intents.yaml is called `pricin`; did you mean `pricing`?",
        ),
        ("\"title:{$.detail.title?}\"", "everything", "is no tag. Write its kind first"),
        ("\"product:{$.detail.asin}\"", "\"product:{$.detail.asin\"", "does not close it"),
        ("title: DEMON SLAYER", "title: Demon Slyer", "no title of policies/titles.yaml is called `demon slyer`"),
        ("[com.mangaassist.catalog]", "com.mangaassist.catalog", "3:3: what `source` may be is a list"),
        ("[product.price.changed]", "[{ prefx: product }]", "4:19: no operator is called `prefx`"),
        ("announce:", "anounce:", "unknown field `anounce`"),
    ] {
        let said = wrong(&CATALOG.replacen(from, to, 1));
        assert!(said.contains(told), "{told} is missing in:\n{said}");
    }
    assert!(wrong("mapping: a\npattern: { source: [x] }\n").contains("this mapping does nothing"));
    assert!(wrong("mapping: a\npattern: { source: [x] }\nignore: true\n").contains("no sample reaches `a`"));
    assert!(wrong(&format!("{CATALOG}---\n{CATALOG}")).contains("two mappings are called `price-changed`"));
}

#[test]
fn the_shipped_mappings_understand_their_samples() {
    let mut problems = Problems::default();
    let mappings = Mappings::load(&Files::shipped(), &SHOP, &mut problems);
    assert!(problems.is_empty(), "{problems}");
    assert!(mappings.len() >= 5, "{}", mappings.len());
}
