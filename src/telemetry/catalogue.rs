//! Every metric, once: its name, unit, labels, meaning and source. `docs/metrics.md` is made from this list.
//!
//! Names are what alarms use (`metric: cache.lookups`). Times are recorded in microseconds, ratios in millionths and
//! money in micro-dollars, and shown in the unit named here.

use std::fmt::Write;

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; alarms see how much it grew in a period (`Sum`).
    Counter,
    /// A level; alarms see its values over a period (`Average`, `Minimum`, `Maximum`).
    Gauge,
    /// Single values; alarms see percentiles and `Average`, `Minimum`, `Maximum`, `Sum`, `SampleCount`.
    Distribution,
}

/// What a metric is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    None,
    /// Seconds, recorded in microseconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// US dollars, recorded in micro-dollars.
    Usd,
    /// 0 to 1, recorded in millionths.
    Ratio,
}

impl Unit {
    /// How many fine units, as recorded by counters and distributions, make one of the unit shown. Gauges are not scaled.
    pub fn fine(self) -> f64 {
        match self {
            Self::None | Self::Bytes => 1.0,
            Self::Seconds | Self::Usd | Self::Ratio => 1e6,
        }
    }
}

/// One metric of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name in alarms and dashboards: `cache.write_latency`.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What it is measured in.
    pub unit: Unit,
    /// The names of its labels; their values come from configuration or enums, never from requests.
    pub labels: &'static [&'static str],
    /// What it says, and what its absence means.
    pub doc: &'static str,
    /// Where it is measured.
    pub source: &'static str,
}

impl Metric {
    /// Whether a controller measures it, of itself and its sources, and not an engine.
    pub fn is_the_controllers(&self) -> bool {
        self.name.starts_with("controller.")
    }
}

macro_rules! catalogue {
    ($($id:ident = $kind:ident $name:literal $unit:ident [$($label:literal),*] $source:literal: $doc:literal;)*) => {
        $(
            #[doc = $doc]
            pub static $id: Metric = Metric {
                name: $name, kind: Kind::$kind, unit: Unit::$unit, labels: &[$($label),*], doc: $doc, source: $source,
            };
        )*
        /// All of them, in the order of the docs page.
        pub static ALL: &[&Metric] = &[$(&$id),*];
    };
}

catalogue! {
    // answering
    REQUESTS = Counter "requests" None [] "engine/answer": "Questions that reached the engine, whatever became of them.";
    ANSWERS = Counter "answers" None ["source"] "engine/answer": "Answers by where they came from: exact, semantic, coalesced, primary, secondary, stale, static, degraded, guarded (what a guardrail has said instead).";
    ERRORS = Counter "answers.errors" None ["class"] "engine/answer": "Requests that ended in an error for the user, by class: invalid, unauthorized, rate_limited, too_large, internal, upstream, cut.";
    ANSWER_LATENCY = Distribution "answers.latency" Seconds [] "engine/answer": "From the request's last byte to the answer's last byte.";
    FIRST_TOKEN = Distribution "answers.first_token" Seconds [] "engine/answer": "From the request's last byte to the first byte of the answer's body.";
    COST = Counter "answers.cost" Usd ["model"] "engine/answer": "What models were paid, by the prices of the configuration.";
    REPEATED = Counter "answers.repeated" None [] "engine/answer": "Questions that the same user had asked within the last 60 s, after a degraded answer.";

    // cache
    LOOKUPS = Counter "cache.lookups" None ["intent", "result"] "engine/recall": "Cache lookups by intent and result: exact, semantic, miss, bypass.";
    SIMILARITY = Distribution "cache.similarity" Ratio ["intent"] "engine/recall": "Similarity of served semantic hits.";
    FALSE_POSITIVES = Counter "cache.false_positives" None ["intent", "signal"] "engine/recall": "Semantic answers found wrong, by signal: feedback, entity_mismatch, or shadow (of the verified share alone).";
    COMPARED = Counter "cache.compared" None ["intent", "occasion", "verdict"] "engine/recall": "Kept answers compared with a model's, by occasion (hit: it was served; near_miss: it was not alike enough) and verdict: same, different, undecided.";
    VERIFIED = Gauge "cache.verified" None ["intent"] "engine/recall": "Verified semantic answers of the last day that were found right or wrong, at most 4,000; intent _all for all of them. Absent before the first.";
    VERIFIED_WRONG = Gauge "cache.verified_wrong" None ["intent"] "engine/recall": "How many of them were wrong.";
    WRONG_RATE = Gauge "cache.wrong_rate" Ratio ["intent"] "engine/recall": "Their share of wrong ones.";
    WRONG_AT_LEAST = Gauge "cache.wrong_at_least" Ratio ["intent"] "engine/recall": "The true share of wrong semantic answers is at least this, at 95 %; 0 before 30 were verified.";
    WRONG_AT_MOST = Gauge "cache.wrong_at_most" Ratio ["intent"] "engine/recall": "The true share of wrong semantic answers is at most this, at 95 %.";
    LABEL_DRIFT = Gauge "cache.label_drift" None ["intent"] "engine/recall": "1 while the newest 200 verified answers are worse than those before them beyond chance.";
    SHADOW = Counter "shadow" None ["result"] "engine/shadow": "Semantic answers drawn for verification, by what became of it: asked, or not because of busy, mode, brake, pressure, failed.";
    SHADOW_COST = Counter "shadow.cost" Usd [] "engine/shadow": "What models were paid for verification; not part of answers.cost.";
    FEEDBACK = Counter "feedback" None ["source", "verdict"] "api/feedback": "Feedback by the answer's source and verdict (helpful, unhelpful).";
    CACHE_WRITES = Counter "cache.writes" None ["result"] "engine/recall": "Cache writes by result: stored, dropped (queue full), refused (too large, no TTL), stale (an invalidation came first), failed.";
    REFUSED = Counter "cache.refused" None ["reason"] "engine/recall": "Answers that may not be kept, by reason: too_large, no_ttl, entries (as many as the store may hold), memory (the store is full).";
    WRITE_LATENCY = Distribution "cache.write_latency" Seconds [] "engine/recall": "Duration of one cache write, off the path of the answer.";
    EMBEDDER_LATENCY = Distribution "embedder.latency" Seconds [] "engine/recall": "Time until a question had its vector, or was known to get none.";
    EMBEDDER_FAILURES = Counter "embedder.failures" None ["reason"] "engine/recall": "Questions that got no vector and were misses: timeout, busy (queue full), unreachable, unusable answer.";
    EMBEDDINGS = Counter "embeddings" None ["model", "result"] "api/openai/embeddings": "Requests for vectors that were passed on to a service, by result: answered, failed.";
    EMBEDDINGS_LATENCY = Distribution "embeddings.latency" Seconds ["model"] "api/openai/embeddings": "How long such a request took, retries included.";
    CACHE_INDEXED = Gauge "cache.indexed" None [] "engine/recall": "Entries that this node can find by meaning.";
    CACHE_ENTRIES = Gauge "cache.entries" None [] "store": "Entries in the store.";
    CACHE_BYTES = Gauge "cache.bytes" Bytes ["intent"] "store": "Bytes of stored entries by intent.";
    CACHE_MEMORY = Gauge "cache.memory_utilization" Ratio [] "store": "Used share of the store's memory limit. Absent without a limit.";
    EVICTIONS = Counter "cache.evictions" None [] "store": "Entries removed to make room.";
    WARMED = Counter "cache.warmed" None ["result"] "engine/warm": "Questions before a release, by result: asked, warm (already), failed.";
    HIT_RATE_WEEK = Gauge "controller.hit_rate_7d" Ratio [] "controller/sense": "Share of look-ups that hit, over the last seven days. Absent before a day of them is known.";
    FULL_IN = Gauge "cache.full_in" Seconds [] "store": "How long until the store is full if as much comes in as today and budgets are enforced as usual. Absent when it will not be, and on all nodes but the one that audits.";
    REMOVED = Counter "cache.removed" None ["reason"] "store": "Entries that this node removed, by reason: budgets, clean_up, operator.";
    INVALIDATIONS = Counter "cache.invalidations" None ["result"] "events/intake": "Invalidations, by events and by hand, by result: received, applied, failed (kept for another try), ignored (no mapping), duplicate.";
    INVALIDATION_LATENCY = Distribution "cache.invalidation_latency" Seconds [] "events/intake": "From an event's own time to its entries being void. A time without milliseconds counts as the end of its second.";
    INVALIDATION_DIVERGENCE = Gauge "cache.invalidation_divergence" None [] "events/intake": "Invalidations received and not yet applied: those under way for a moment, those in the dead-letter store until they are replayed or dropped.";
    DEAD_LETTERS = Gauge "events.dead_letters" None [] "events/dead_letters": "Events that could not be applied and wait on this node's disk.";
    EVENTS_RECEIVED = Counter "events.received" None ["channel"] "events/intake": "Events received for the first time, by channel: http, sns, sqs.";
    EVENTS_REFUSED = Counter "events.refused" None ["reason"] "events/intake": "Deliveries that were not taken: unreadable, unsigned (not from SNS, or not an allowed topic), full (could be neither applied nor kept).";
    QUEUE_UP = Gauge "events.queue_up" None ["queue"] "events/queue": "1 while a queue of events answers, 0 while it fails or throttles.";
    STORE_LATENCY = Distribution "store.latency" Seconds ["operation"] "store": "Duration of one store operation: get, get_many (all keys of one call), put, lead, invalidate, take, document, upkeep.";
    STORE_ERRORS = Counter "store.errors" None ["operation"] "store": "Store operations that failed or passed their deadline; the request went on without them.";
    STORE_FAULTS = Counter "store.faults" None ["reason"] "store/redis": "What went wrong with Redis, by reason; each cost a hit or a write, never an answer: timeout, unreachable, full, read_only, loading, moving (a cluster moves slots), denied (access rights), wrong_type, refused, spoilt, other_form (of another version), foreign, too_long.";
    STORE_CONNECTIONS = Gauge "store.connections" None [] "store/redis": "Open connections to Redis, of all servers, beside those that only listen.";
    STORE_CONNECTIONS_USED = Gauge "store.connections_used" Ratio [] "store/redis": "Share of the connections there may be that were in use at once within the last second, for the busiest server.";
    STORE_UP = Gauge "store.up" None [] "store": "1 while every server of the shared store answers, 0 while the engine goes on without one.";

    // the fleet's Redis, as its masters say
    REDIS_USED = Gauge "redis.used_memory" Bytes [] "controller/sense": "Memory in use, of all masters.";
    REDIS_LIMIT = Gauge "redis.max_memory" Bytes [] "controller/sense": "The limit on it. Absent when a master has none.";
    REDIS_MEMORY = Gauge "redis.memory_utilization" Ratio [] "controller/sense": "Used share of the limit, of the fullest master. Absent without a limit.";
    REDIS_EVICTED = Counter "redis.evicted_keys" None [] "controller/sense": "Keys of every user of this Redis removed to make room.";
    REDIS_HITS = Counter "redis.hits" None [] "controller/sense": "Reads of every user of this Redis that found something.";
    REDIS_MISSES = Counter "redis.misses" None [] "controller/sense": "Reads of every user of this Redis that found nothing.";
    REDIS_CLIENTS = Gauge "redis.connected_clients" None [] "controller/sense": "Clients of all masters.";
    REDIS_LAG = Gauge "redis.replication_lag" Bytes [] "controller/sense": "How far the slowest replica is behind its master: what a failover would lose. Absent without a replica.";

    // prices
    PRICE_ERRORS = Counter "cache.price_consistency_errors" None [] "engine/price": "Cached answers that quoted another price than the live catalogue.";
    PRICE_CHECKS = Counter "cache.price_checks" None ["result"] "engine/price": "Cached answers compared with the live catalogue, by result: consistent, mismatch, unknown (no price in it, or the catalogue did not answer).";
    SALES_OPEN = Gauge "sales.open" None [] "engine/sale": "Sales of the calendar whose prices hold now.";
    SALES_FLUSHED = Counter "sales.flushes" None ["result"] "engine/sale": "Starts and ends of sales at which what was kept was made void, by result: done, failed (tried again).";
    EXPOSURE = Counter "exposure.notes" None ["result"] "engine/exposure": "Stale or price-quoting answers from the cache by what became of their note in the trail: noted, lost (queue full), failed (disk).";

    // origins
    ORIGIN_READS = Counter "origin.reads" None ["origin", "result"] "engine/origin": "Values asked of an origin, by result: hit, miss (fetched now), stale (expired, the service did not answer), failed.";
    ORIGIN_GET = Distribution "origin.get_latency" Seconds ["origin"] "engine/origin": "One look into the cache for one value.";
    ORIGIN_PIPELINE = Distribution "origin.pipeline_latency" Seconds [] "engine/origin": "One look into the cache for several values.";
    ORIGIN_FETCH = Distribution "origin.fetch_latency" Seconds ["place"] "engine/origin": "One successful request to a service, waiting for its turn included.";
    ORIGIN_ERRORS = Counter "origin.errors" None ["place", "class"] "engine/origin": "Requests to a service that gave no value, by class: late, broken, status, garbage, too_large, busy (too many wait).";
    ORIGIN_FILLS = Counter "origin.fills" None ["origin", "result"] "engine/origin": "Fetched values by what became of them in the cache: stored, outdated (an invalidation came first), refused, failed.";
    ORIGIN_LIVE = Counter "origin.live_fields" None ["origin", "result"] "engine/origin": "Fields that are never kept, by result: merged, absent (could not be had; the answer says null).";
    ORIGIN_REFRESHES = Counter "origin.refreshes" None ["origin"] "engine/origin": "Values fetched anew before they expired.";
    ORIGIN_POOL = Gauge "origin.pool_utilization" Ratio ["place"] "engine/origin": "Used share of the requests that a service may get at once from this node.";
    ORIGIN_QUEUE = Gauge "origin.queue_depth" None ["place"] "engine/origin": "Requests that wait for their turn at a service.";

    // coalescing
    IDENTICAL = Gauge "coalesce.identical_in_flight" None [] "engine/coalesce": "Requests waiting for the same answer, for the most wanted question on this node.";
    WAITERS = Gauge "coalesce.waiters" None [] "engine/coalesce": "Requests waiting for another request's answer.";
    WAIT_TIMEOUTS = Counter "coalesce.timeouts" None [] "engine/coalesce": "Waiters that gave up and went to the fallback cascade.";
    LEADERS_REPLACED = Counter "coalesce.leaders_replaced" None [] "engine/coalesce": "Leaders that died and were replaced.";

    // guardrails
    GUARD_DURATION = Distribution "guardrail.duration" Seconds ["tier"] "engine/guard": "One evaluation of one passage, by tier: local (the rules of this process), service (waiting for a place included). One that was given up counts with the time it had taken.";
    GUARD_EVALUATIONS = Counter "guardrail.evaluations" None ["tier", "result"] "engine/guard": "Evaluations by tier and result: clean, note, mask, block; of the service also timeout, busy, failed.";
    GUARD_FILTERS = Gauge "guardrail.filters" None ["tier"] "engine/guard": "How many filters looked at the latest passage. Absent before the first, and for services that do not say.";
    GUARD_TOKENS = Distribution "guardrail.tokens" None [] "engine/guard": "Tokens of one passage shown to the service.";
    GUARD_FINDINGS = Counter "guardrail.findings" None ["rule", "action"] "engine/guard": "What the local rules found, by rule and action: note, mask, block.";
    GUARD_HELD = Distribution "guardrail.held" Seconds [] "engine/guard": "How long an answer, or a piece of one, waited for its check. Absent where nothing waits (mode async).";
    GUARD_OVER_BUDGET = Counter "guardrail.over_budget" None ["outcome"] "engine/guard": "Held answers and pieces whose check took longer than the latency budget, by outcome: released (said unchecked, the check goes on), waited, refused (not said).";
    GUARD_VIOLATIONS = Counter "guardrail.violations" None [] "engine/guard": "Answers found wrong after they were said.";
    GUARD_REVISIONS = Counter "guardrail.revisions" None [] "engine/guard": "People who were told that an answer of theirs was wrong.";

    // models
    ATTEMPTS = Counter "model.attempts" None ["model"] "engine/model": "Attempts sent to a model.";
    ATTEMPT_ERRORS = Counter "model.errors" None ["model", "class"] "engine/model": "Failed attempts by class: throttled, overloaded, server, timeout, connect, cut, garbage, invalid, refused, unknown.";
    THROTTLES = Counter "model.throttles" None ["model"] "engine/model": "Attempts that the model refused for its own load (429, throttling, overloaded).";
    RETRIES = Counter "model.retries" None ["model"] "engine/model": "Attempts after the first on the same model for one request.";
    RETRIES_REFUSED = Counter "model.retries_refused" None ["reason"] "engine/model": "Retries not made, by reason: budget, attempts, deadline, brake, load.";
    MODEL_LATENCY = Distribution "model.latency" Seconds ["model"] "engine/model": "Duration of successful attempts.";
    MODEL_TTFT = Distribution "model.ttft" Seconds ["model"] "engine/model": "Time to the first token of successful attempts.";
    BREAKER_OPEN = Gauge "model.breaker_open" None ["model"] "engine/model": "1 while the circuit breaker refuses traffic, 0.5 while it probes, 0 while closed.";
    BREAKER_TRIPS = Counter "model.breaker_trips" None ["model"] "engine/model": "Times the breaker opened.";
    POOL_SIZE = Gauge "pool.size" None ["model"] "engine/model": "Requests a model may serve at once.";
    POOL_ACTIVE = Gauge "pool.active" None ["model"] "engine/model": "Requests a model is serving.";
    POOL_UTILIZATION = Gauge "pool.utilization" Ratio ["model"] "engine/model": "Active share of the pool.";
    POOL_QUEUE = Gauge "pool.queue_depth" None ["model"] "engine/model": "Requests waiting for a place in the pool.";
    POOL_WAIT = Distribution "pool.checkout_wait" Seconds ["model"] "engine/model": "Wait for a place in the pool.";
    POOL_CUTS = Counter "pool.cuts" None ["model"] "engine/model": "Times a pool that adapts became smaller, because its model refused or was slow.";
    POOL_OVERFLOW = Counter "pool.overflow" None ["model"] "engine/model": "Requests that left a full pool for the next model.";
    CACHE_READ_TOKENS = Counter "prompt_cache.read_tokens" None ["model"] "engine/model": "Prompt tokens that the provider read from its prompt cache.";
    CACHE_WRITE_TOKENS = Counter "prompt_cache.write_tokens" None ["model"] "engine/model": "Prompt tokens that the provider wrote to its prompt cache.";
    PROMPT_TOKENS = Counter "prompt_cache.prompt_tokens" None ["model"] "engine/model": "All prompt tokens of answers that reported usage.";
    PROMPT_CALLS = Counter "prompt.calls" None ["model", "version"] "engine/prompt": "Answers whose usage is known, by the version of the prompt in front: `NAME/VERSION` of prompts/, `#…` for a prefix that applications bring themselves, `other` for rare ones, `none` without one.";
    PROMPT_HITS = Counter "prompt.hits" None ["model", "version"] "engine/prompt": "Of these, answers whose prefix the provider read from its cache.";
    PROMPT_READ = Counter "prompt.read_tokens" None ["model", "version"] "engine/prompt": "Prompt tokens read from the provider's cache, by version.";
    PROMPT_WRITTEN = Counter "prompt.write_tokens" None ["model", "version"] "engine/prompt": "Prompt tokens written to the provider's cache, by version.";
    PROMPT_ALL_TOKENS = Counter "prompt.tokens" None ["model", "version"] "engine/prompt": "All prompt tokens, by version.";
    PROMPT_TTFT = Distribution "prompt.ttft" Seconds ["model", "version"] "engine/prompt": "Time to the first token of answers that came in events, by version.";
    PROMPT_DEPLOYMENTS = Counter "prompt.deployments" None ["result"] "engine/prompt": "Deployments of prompts by what became of them: rolled_out, kept, returned (the hit rate did not recover), refused (not put in force).";
    PROMPTS_NOT_PUT = Counter "prompt.not_put" None [] "engine/prompt": "Requests that went without their prompt: their format has no place for it, or this node's files lack the version in force.";
    NEW_PREFIXES = Counter "prompt.new_prefixes" None [] "engine/prompt": "Requests that came with a prefix this node had not seen.";
    WARM_UPS = Counter "prompt.warm_ups" None ["model"] "engine/prompt": "Requests that warmed a provider's cache for a deployment.";
    KEEP_ALIVES = Counter "prompt.keep_alives" None ["model", "result"] "engine/prompt": "Requests that keep an idle prefix in the provider's cache, by result: read, written (it was gone already), failed, spared (the model was under pressure: none was sent).";
    PROBE_COST = Counter "prompt.probe_cost" Usd ["why"] "engine/prompt": "What requests for a prefix alone cost, beside `answers.cost`: deployment, keep_alive.";

    // the network
    DNS_TIME = Distribution "dns.resolution_time" Seconds ["zone"] "resolve": "Duration of one look-up at the resolver, failed ones included, by the zone of the node that asked.";
    DNS_LOOKUPS = Counter "dns.lookups" None ["zone", "result"] "resolve": "Look-ups at the resolver by result: answered, failed (no answer, or an empty one), timeout, public (for a name that must be private), busy (too many wait).";
    DNS_LAST_GOOD = Counter "dns.last_good" None ["zone"] "resolve": "Connections that used an old answer because the resolver gave none in time.";
    DNS_LATENCY = Gauge "dns.latency" Seconds ["zone"] "resolve": "What a look-up took on average within the last minute, on one node. Absent while nobody asks.";

    ENDPOINT_UP = Gauge "endpoint.up" None ["endpoint", "zone"] "endpoints": "1 while an endpoint of the configuration could be reached at the last look, 0 while it could not. Absent before the first look.";
    ENDPOINT_PUBLIC = Gauge "endpoint.public" None ["endpoint", "zone"] "endpoints": "1 while an endpoint that must be private (dns.private) resolves to a public address, else 0. Absent for all others.";
    ENDPOINT_CONNECT = Distribution "endpoint.connect_time" Seconds ["endpoint", "zone"] "endpoints": "Time to a TCP connection, of looks that made one.";
    ENDPOINT_TLS = Distribution "endpoint.tls_time" Seconds ["endpoint", "zone"] "endpoints": "Time of a TLS handshake, of looks that made one.";

    WITHDRAWN = Gauge "nodes.withdrawn" None ["zone"] "engine/readiness": "1 while this node says that it is not ready because its resolver fails (the knob ready.needs_resolver), else 0. The sum is how many nodes do.";

    // admission and modes
    RATE_LIMITED = Counter "rate_limit.limited" None ["scope"] "engine/admit": "Requests over a limit, by scope: global, tier, user, network.";
    RATE_UTILIZATION = Gauge "rate_limit.utilization" Ratio [] "engine/admit": "Used share of the global limit's burst; of the fleet's, where it is shared.";
    RATE_WAITING = Gauge "rate_limit.waiting" None [] "engine/admit": "Requests that wait in line for their turn.";
    RATE_WAIT = Distribution "rate_limit.wait" Seconds [] "engine/admit": "How long requests waited in line that were then let in.";
    RATE_WAIT_ERROR = Distribution "rate_limit.wait_error" Seconds [] "engine/admit": "How far that was from the estimate when they came.";
    SOCKETS = Gauge "sockets.open" None [] "api/socket": "WebSockets that are open.";
    SOCKETS_REFUSED = Counter "sockets.refused" None [] "api/socket": "WebSockets that were not opened because as many as may be were open.";
    SOCKETS_ENDED = Counter "sockets.ended" None ["reason"] "api/socket": "WebSockets that ended, by reason: client, slow (it did not read), silent (it did not answer), flood, garbled, stopping.";
    SOCKET_QUESTIONS = Counter "sockets.questions" None [] "api/socket": "Questions asked over WebSockets.";
    CROWD_VERDICT = Gauge "crowd.verdict" None [] "engine/crowd": "Who asked within the last minute: 1 people, -1 few who pretend to be many, 0 too few requests, unclear, or evidence missing.";
    CROWD_SCORE = Gauge "crowd.score" Ratio [] "engine/crowd": "How much the last minute looks like people. Absent while nobody says who asks.";
    CROWD_PART = Gauge "crowd.part" Ratio ["part"] "engine/crowd": "The parts of the score: clients, networks, repetition, wording, follow_up, tenacity, pace. Absent where the requests say nothing about it.";
    CROWD_CONFIDENCE = Gauge "crowd.confidence" Ratio [] "engine/crowd": "How much of the evidence for a verdict there is. Below 0.9 (no addresses, nobody who had time to come back) nobody is taken for people. Absent while few ask.";
    DEGRADED_GIVEN = Counter "degraded.given" None ["variant"] "engine/degrade": "Users who got a degradation message, by its wording; once in an outage.";
    DEGRADED_RETRIED = Counter "degraded.retried" None ["variant"] "engine/degrade": "Of these, users who asked the same again within a minute.";
    DEGRADED_SETTLED = Counter "degraded.settled" None ["variant"] "engine/degrade": "Of these, users of whom it is known whether they came back.";
    DEGRADED_LEFT = Counter "degraded.left" None ["variant"] "engine/degrade": "Of these, users who did not come back within half an hour.";
    MODE = Gauge "engine.mode" None [] "engine/knobs": "0 normal, 1 secondary_only, 2 cache_only.";
    KNOB_VERSION = Gauge "knobs.version" None [] "engine/knobs": "The knob document's version in force on this node.";
    RELOADS = Counter "files.reloads" None ["result"] "app/reload": "Times the operator's files were read anew while running, by result: loaded, refused (a mistake: nothing changed).";
    DEPLOYMENTS = Counter "events.deployments" None ["kind"] "api/events": "Deployment events received, by kind: prompt, model, service, infrastructure.";
    PROCESS_CPU = Gauge "process.cpu_utilization" Ratio [] "telemetry/process": "Share of one CPU used by this process over the last second. Absent where /proc is missing.";
    PROCESS_MEMORY = Gauge "process.resident_memory" Bytes [] "telemetry/process": "Resident memory. Absent where /proc is missing.";

    // controller
    DECISIONS = Counter "controller.decisions" None ["outcome"] "controller/decide": "Decisions by outcome: act, hold.";
    SOURCE_UP = Gauge "controller.source_up" None ["source"] "controller/sense": "1 while a source delivers, 0 while it fails, lags or is throttled.";
    NODES_LAGGING = Gauge "controller.nodes_lagging" None [] "controller/nodes": "Engine nodes that deliver and have not taken over the newest knobs.";
    SERIES_REFUSED = Counter "controller.series_refused" None [] "controller/sense": "Series that the history did not take because it holds as many as it may.";
    POINTS_ASKED = Counter "controller.points_asked" None ["source"] "controller/sense": "Metrics asked of a source that is paid by the metric.";
    NOTICES = Counter "controller.notices" None ["channel", "result"] "controller/notify": "Notices by channel and result: sent, retried, given_up.";
}

/// A metric by its name.
pub fn find(name: &str) -> Option<&'static Metric> {
    ALL.iter().copied().find(|metric| metric.name == name)
}

/// The docs page.
pub fn page() -> String {
    let mut page = String::from("# Metrics\n\nMade by `banto docs metrics` from `src/telemetry/catalogue.rs`.\n\n");
    page.push_str("| name | kind | unit | labels | meaning | measured in |\n|---|---|---|---|---|---|\n");
    for m in ALL {
        let _ = writeln!(
            page,
            "| `{}` | {:?} | {:?} | {} | {} | `{}` |",
            m.name,
            m.kind,
            m.unit,
            m.labels.join(", "),
            m.doc,
            m.source
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_page_is_up_to_date() {
        let page = page();
        assert!(include_str!("../../docs/metrics.md") == page, "run `banto docs metrics > docs/metrics.md`");
    }

    #[test]
    fn no_two_metrics_share_a_name() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
