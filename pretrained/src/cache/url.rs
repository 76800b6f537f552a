//! Links as people publish them, and the links that give the file.

/// The address that answers with the file itself, without a page in between.
///
/// * Google Drive: `open?id=ID`, `uc?id=ID` and `file/d/ID/view` become the download address, which also skips the
///   page that warns about files too large to be scanned (`confirm=t`).
/// * Dropbox: `dl=1` is added; a shared folder (`/sh/`) then comes as a zip.
///
/// Others are direct already.
pub(super) fn direct(link: &str) -> String {
    let Some((host, path)) = link.strip_prefix("https://").and_then(|rest| rest.split_once('/')) else {
        return link.to_owned();
    };
    match host {
        "drive.google.com" => match drive_id(path) {
            Some(id) => format!("https://drive.usercontent.google.com/download?id={id}&export=download&confirm=t"),
            None => link.to_owned(),
        },
        "www.dropbox.com" | "dl.dropbox.com" => {
            let (page, query) = link.split_once('?').unwrap_or((link, ""));
            let others = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("dl="));
            format!("{page}?{}", others.chain(["dl=1"]).collect::<Vec<_>>().join("&"))
        }
        _ => link.to_owned(),
    }
}

/// The id in the path and query of a Google Drive link.
fn drive_id(path: &str) -> Option<&str> {
    let (page, query) = path.split_once('?').unwrap_or((path, ""));
    page.strip_prefix("file/d/")
        .and_then(|rest| rest.split('/').next())
        .or_else(|| query.split('&').find_map(|pair| pair.strip_prefix("id=")))
        .filter(|id| !id.is_empty())
}

/// An address without the user and password in it, for messages and files.
pub(super) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.rsplit_once('@') {
        Some((credentials, _)) => format!("{scheme}://{}", &rest[credentials.len() + 1..]),
        None => url.to_owned(),
    }
}

/// Where a redirect from `url` to `location` leads. By hand, since three forms are all there are and a crate for them
/// brings the tables of international domain names.
pub(super) fn redirected(url: &str, location: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let path = rest.split(['?', '#']).next().unwrap_or(rest);
    let folder = path.rsplit_once('/').map_or(authority, |(folder, _)| folder);
    match location {
        absolute if absolute.contains("://") => absolute.to_owned(),
        no_scheme if no_scheme.starts_with("//") => format!("{scheme}:{no_scheme}"),
        from_root if from_root.starts_with('/') => format!("{scheme}://{authority}{from_root}"),
        relative => format!("{scheme}://{folder}/{relative}"),
    }
}

/// The host of an address, without port and credentials.
pub(super) fn host_name(url: &str) -> &str {
    let authority = host(url);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // What follows the last colon is a port, but for the colons of an IPv6 address in brackets.
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => authority,
    }
}

/// `https://host` of an address, for people.
pub(super) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_links_become_direct_ones() {
        let drive = "https://drive.usercontent.google.com/download?id=1A_b-c&export=download&confirm=t";
        for link in ["open?id=1A_b-c", "uc?export=download&id=1A_b-c", "file/d/1A_b-c/view?usp=sharing"] {
            assert_eq!(direct(&format!("https://drive.google.com/{link}")), drive);
        }
        for (link, expected) in [
            ("https://dl.dropbox.com/s/x/a.pth?dl=1", "https://dl.dropbox.com/s/x/a.pth?dl=1"),
            ("https://www.dropbox.com/s/x/a.pth", "https://www.dropbox.com/s/x/a.pth?dl=1"),
            ("https://www.dropbox.com/sh/x/y?dl=0&k=v", "https://www.dropbox.com/sh/x/y?k=v&dl=1"),
            ("https://drive.google.com/drive/folders/1A", "https://drive.google.com/drive/folders/1A"),
            ("https://download.pytorch.org/models/a.pth", "https://download.pytorch.org/models/a.pth"),
            ("not a link", "not a link"),
        ] {
            assert_eq!(direct(link), expected);
        }
        assert_eq!(host("https://dl.dropbox.com/s/x"), "dl.dropbox.com");
    }

    #[test]
    fn credentials_are_left_out() {
        for (url, expected) in [
            ("https://user:pass@host:81/a?b=c@d", "https://host:81/a?b=c@d"),
            ("http://u:p@ss@host", "http://host"),
            ("https://host/a@b", "https://host/a@b"),
            ("no address", "no address"),
        ] {
            assert_eq!(without_credentials(url), expected);
        }
        assert_eq!(host_name("http://u:p@host:81/x"), "host");
        assert_eq!(host_name("http://[::1]:81/x"), "[::1]");
        assert_eq!(host_name("http://[::1]/x"), "[::1]");
    }

    /// RFC 3986, section 5.2.
    #[test]
    fn redirects_are_resolved() {
        for (location, expected) in [
            ("https://other/x", "https://other/x"),
            ("//other/x", "http://other/x"),
            ("/x?y", "http://host:81/x?y"),
            ("x", "http://host:81/a/x"),
        ] {
            assert_eq!(redirected("http://host:81/a/b?c=/d", location), expected);
        }
        assert_eq!(redirected("http://host", "x"), "http://host/x");
    }

    #[test]
    fn every_published_link_that_is_not_direct_is_known() {
        for entry in crate::catalogue::entries() {
            let url = direct(&entry.url);
            assert!(!url.contains("drive.google.com"), "{}", entry.name);
            assert!(!url.contains("dropbox.com") || url.ends_with("dl=1"), "{}", entry.name);
        }
    }
}
