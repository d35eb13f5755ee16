//! Who may ask. A browser on this box, or a page that it shows, can reach 127.0.0.1: the name under which it asks, the
//! page it comes from and a token that no page has keep it out.

use hyper::header::{
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Method, StatusCode};

use super::problem::Problem;
use super::token::Token;

/// What a browser says about the page that asks.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The names under which one door may be asked.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// The door's port; none for a Unix socket, which no browser reaches.
    pub(super) port: Option<u16>,
    /// Names and addresses that may stand with that port.
    pub(super) bare: Vec<String>,
    /// Whole names of the settings, with their port or for any.
    pub(super) whole: Vec<String>,
}

impl Names {
    /// Whether a Host header, or an origin without its scheme, names this door. This keeps out a page whose
    /// name was pointed at this box: the browser still says that name.
    fn name(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        if host.contains('@') {
            return false;
        }
        let (name, port) = (authority.host().to_ascii_lowercase(), authority.port_u16());
        let whole = host.to_ascii_lowercase();
        if self.whole.iter().any(|known| *known == whole || *known == name) {
            return true;
        }
        let at_the_port = self.port.is_none_or(|own| port.unwrap_or(80) == own);
        at_the_port && self.bare.contains(&name)
    }
}

/// Whether the request may be looked at any further.
pub(super) fn check(
    request: &Parts,
    names: &Names,
    token: &Token,
    always_token: bool,
) -> Result<(), Problem> {
    named(request, names)?;
    same_origin(request, names)?;
    if request.method == Method::OPTIONS && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return Err(Problem::forbidden("pages of another origin may not ask here"));
    }
    let changes = !matches!(request.method, Method::GET | Method::HEAD);
    if changes || always_token {
        let header = one(&request.headers, &AUTHORIZATION)?;
        if !header.is_some_and(|header| token.is_in(header)) {
            return Err(Problem::unauthorised());
        }
    }
    Ok(())
}

fn named(request: &Parts, names: &Names) -> Result<(), Problem> {
    let misdirected = || {
        let known = names.bare.iter().chain(&names.whole).map(String::as_str).collect::<Vec<_>>().join(", ");
        let port = names.port.map(|port| format!(" with port {port}")).unwrap_or_default();
        let message =
            format!("ask under one of these names{port}: {known}; local.hosts in the settings adds others");
        Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", message)
    };
    let host =
        one(&request.headers, &HOST)?.ok_or_else(|| Problem::malformed("the request needs a Host header"))?;
    let host = host.to_str().map_err(|_| misdirected())?;
    let target = request.uri.authority().map(Authority::as_str);
    if names.name(host) && target.is_none_or(|target| names.name(target)) {
        Ok(())
    } else {
        Err(misdirected())
    }
}

fn same_origin(request: &Parts, names: &Names) -> Result<(), Problem> {
    let cross =
        || Problem::forbidden("pages of another origin may not ask here: leave the Origin header out");
    if let Some(origin) = one(&request.headers, &ORIGIN)? {
        let host = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        if !host.is_some_and(|host| names.name(host)) {
            return Err(cross());
        }
    }
    match one(&request.headers, &FETCH_SITE)?.map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(cross()),
    }
}

/// A header that may stand once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Problem::malformed(format!("the header {name} may stand once")));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            port: Some(8087),
            bare: ["127.0.0.1", "[::1]", "localhost"].map(ToOwned::to_owned).to_vec(),
            whole: vec!["till-7:9000".to_owned(), "shop.test".to_owned()],
        }
    }

    #[test]
    fn only_its_own_names_with_its_own_port_are_a_doors() {
        let names = names();
        for own in
            ["127.0.0.1:8087", "[::1]:8087", "localhost:8087", "LOCALHOST:8087", "till-7:9000", "shop.test:1"]
        {
            assert!(names.name(own), "{own}");
        }
        for other in [
            "",
            "localhost",
            "localhost:80",
            "127.0.0.1",
            "127.0.0.1:8088",
            "127.0.0.2:8087",
            "0.0.0.0:8087",
            "localhost.:8087",
            "evil.test:8087",
            "till-7:8087",
            "localhost:8087@evil.test",
            "a@localhost:8087",
            "localhost:8087/",
            "[::1%25lo]:8087",
            "127.1:8087",
            "2130706433:8087",
            "localhost:8087:8087",
        ] {
            assert!(!names.name(other), "{other}");
        }
        let socket = Names { port: None, ..names.clone() };
        assert!(socket.name("localhost") && socket.name("localhost:1") && !socket.name("evil.test"));
        let web = Names { port: Some(80), ..names };
        assert!(web.name("localhost") && web.name("localhost:80") && !web.name("localhost:8087"));
    }
}
