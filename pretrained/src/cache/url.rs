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
    fn every_published_link_that_is_not_direct_is_known() {
        for entry in crate::catalogue::entries() {
            let url = direct(&entry.url);
            assert!(!url.contains("drive.google.com"), "{}", entry.name);
            assert!(!url.contains("dropbox.com") || url.ends_with("dl=1"), "{}", entry.name);
        }
    }
}
