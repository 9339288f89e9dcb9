//! Which endpoints this process connects to, as its configuration says.

use http::Uri;

use super::settings::{Settings, embedder::EmbedderSettings};
use crate::{aws, endpoints::Endpoint, engine::model::configured::Kind};

/// All of them, each host and port once, under the name of whoever comes first.
pub fn all(settings: &Settings, variable: impl Fn(&str) -> Option<String>) -> Vec<Endpoint> {
    let mut list = List { settings, variable: &variable, all: Vec::new() };
    if settings.role.answers() {
        list.models();
        list.embedder();
        list.embeddings();
        settings.origins.iter().for_each(|(name, place)| list.add(&format!("origin:{name}"), &place.url));
    }
    list.redis();
    if settings.role.watches() {
        list.controller();
    }
    list.queues();
    settings.endpoints.also.iter().for_each(|(name, url)| list.add(name, url));
    list.all
}

struct List<'a, V> {
    settings: &'a Settings,
    variable: &'a V,
    all: Vec<Endpoint>,
}

impl<V: Fn(&str) -> Option<String>> List<'_, V> {
    fn models(&mut self) {
        for model in &self.settings.models {
            let name = format!("model:{}", model.name);
            match &model.kind {
                Kind::Simulated(_) => {}
                Kind::OpenAi(endpoint) => self.add(&name, &endpoint.base_url),
                Kind::Bedrock(bedrock) => self.aws(&name, "bedrock-runtime", &bedrock.aws),
            }
        }
    }

    fn embedder(&mut self) {
        match &self.settings.embedder {
            EmbedderSettings::Hashed | EmbedderSettings::Local(_) => {}
            EmbedderSettings::OpenAi(service) => self.add("embedder", &service.url.to_string()),
            EmbedderSettings::Bedrock(model) => self.aws("embedder", "bedrock-runtime", &model.aws),
        }
    }

    fn embeddings(&mut self) {
        for model in &self.settings.embeddings {
            self.add(&format!("embeddings:{}", model.name), &model.url.to_string());
        }
    }

    fn redis(&mut self) {
        for (host, port, tls) in self.settings.redis.iter().flat_map(|redis| redis.places()) {
            self.put("redis", host, port, tls);
        }
    }

    fn controller(&mut self) {
        let Some(account) = &self.settings.controller.aws else { return };
        self.aws("aws:monitoring", "monitoring", account);
        if !self.settings.controller.logs.is_empty() {
            self.aws("aws:logs", "logs", account);
        }
    }

    fn queues(&mut self) {
        for queue in &self.settings.events.queues {
            self.add(&format!("queue:{}", queue.name), &queue.url);
        }
    }

    fn aws(&mut self, name: &str, service: &str, account: &aws::settings::Settings) {
        let variable = self.variable;
        let region =
            account.region.clone().or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        match (&account.endpoint, region) {
            (Some(own), _) => self.add(name, own),
            (None, Some(region)) => self.put(name, aws::settings::host(service, &region), 443, true),
            (None, None) => {}
        }
    }

    fn add(&mut self, name: &str, url: &str) {
        let Ok(url) = url.parse::<Uri>() else { return };
        let tls = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if tls { 443 } else { 80 });
        if let Some(host) = url.host().filter(|host| !host.is_empty()) {
            self.put(name, host.to_owned(), port, tls);
        }
    }

    fn put(&mut self, name: &str, host: String, port: u16, tls: bool) {
        if self.all.iter().any(|known| known.host == host && known.port == port) {
            return;
        }
        let namesakes =
            self.all.iter().filter(|known| &*known.name == name || known.name.starts_with(&format!("{name}#")));
        let name = match namesakes.count() {
            0 => name.to_owned(),
            n => format!("{name}#{}", n + 1),
        };
        let private = self.settings.dns.private.contains(&host.trim_end_matches('.').to_ascii_lowercase());
        self.all.push(Endpoint { name: name.into(), host, port, tls, private });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::settings::Overrides;

    fn endpoints(text: &str) -> Vec<Endpoint> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        let settings = Settings::load(Some(file.path()), Overrides::default()).expect("a good file");
        all(&settings, |name| (name == "AWS_REGION").then(|| "ap-northeast-1".to_owned()))
    }

    #[test]
    fn everything_that_is_connected_to_is_listed_once_with_its_port_and_whether_it_must_be_private() {
        let text = "
models:
  - { name: primary, kind: openai, base_url: 'https://models.example/v1', model: large }
  - { name: spare, kind: openai, base_url: 'https://models.example/v2', model: small }
  - { name: secondary, kind: bedrock, model: haiku }
  - { name: last, kind: simulated }
origins: { product: { url: 'http://catalogue.example:8080' } }
redis: { cluster: ['rediss://cache-a:6379', 'redis://cache-b:6380'] }
aws: { endpoint: 'https://vpce-1.monitoring.ap-northeast-1.vpce.amazonaws.com' }
dns: { private: [bedrock-runtime.ap-northeast-1.amazonaws.com] }
endpoints: { also: { billing: 'https://billing.example' } }
";
        let listed = |it: &Endpoint| format!("{} {}:{} {} {}", it.name, it.host, it.port, it.tls, it.private);
        assert_eq!(
            endpoints(text).iter().map(listed).collect::<Vec<_>>(),
            [
                "model:primary models.example:443 true false",
                "model:secondary bedrock-runtime.ap-northeast-1.amazonaws.com:443 true true",
                "origin:product catalogue.example:8080 false false",
                "redis cache-a:6379 true false",
                "redis#2 cache-b:6380 false false",
                "aws:monitoring vpce-1.monitoring.ap-northeast-1.vpce.amazonaws.com:443 true false",
                "billing billing.example:443 true false",
            ]
        );
    }

    #[test]
    fn an_installation_that_connects_to_nothing_has_none() {
        assert_eq!(endpoints("limits: { rate: 100 }\n"), []);
    }
}
