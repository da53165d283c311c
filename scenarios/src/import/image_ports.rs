//! The ports that well-known images EXPOSE, for compose services that name none. Knows no registry and reads no image.

/// Repository and the port that its clients use, as each image's Dockerfile has it (from memory).
const EXPOSED: &[(&str, u16)] = &[
    ("adminer", 8080),
    ("couchdb", 5984),
    ("elasticsearch", 9200),
    ("ghost", 2368),
    ("grafana/grafana", 3000),
    ("httpd", 80),
    ("influxdb", 8086),
    ("mariadb", 3306),
    ("memcached", 11211),
    ("mongo", 27017),
    ("mysql", 3306),
    ("nats", 4222),
    ("nginx", 80),
    ("postgres", 5432),
    ("prom/prometheus", 9090),
    ("rabbitmq", 5672),
    ("redis", 6379),
    ("redislabs/redismod", 6379),
    ("registry", 5000),
    ("tomcat", 8080),
    ("valkey/valkey", 6379),
    ("wordpress", 80),
    ("zookeeper", 2181),
];

/// The port of an image reference, `[docker.io/][library/]NAME[:TAG][@DIGEST]`.
pub(super) fn exposed(image: &str) -> Option<u16> {
    let name = image.split('@').next()?;
    let tag = name.rfind(':').filter(|colon| !name[*colon..].contains('/'));
    let name = &name[..tag.unwrap_or(name.len())];
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    EXPOSED.iter().find(|(known, _)| *known == name).map(|(_, port)| *port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_under_all_its_names() {
        for image in ["redis", "redis:7-alpine", "library/redis", "docker.io/library/redis:7@sha256:00ff"] {
            assert_eq!(exposed(image), Some(6_379), "{image}");
        }
        for image in ["localhost:5000/redis", "me/redis:7", "redisx", "", ":", "@"] {
            assert_eq!(exposed(image), None, "{image}");
        }
    }

    #[test]
    fn names_ascend() {
        assert!(EXPOSED.is_sorted_by(|a, b| a.0 < b.0));
    }
}
