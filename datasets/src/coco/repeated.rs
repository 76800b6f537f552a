//! Annotation ids that come more than once, as in files that were put together from several.

use hotcoco::Dataset;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Whether a file has annotations whose ids come more than once or are missing, or categories without a name. hotcoco
/// prints lines of its own about them, whatever our user wants to hear, so it must not read such a file itself. False for
/// what is no annotation file: reading it tells why.
pub fn is_odd(path: &Path) -> bool {
    #[derive(Deserialize)]
    struct Survey {
        #[serde(default)]
        annotations: Vec<Annotation>,
        #[serde(default)]
        categories: Vec<Category>,
    }
    #[derive(Deserialize)]
    struct Annotation {
        id: Option<u64>,
    }
    #[derive(Deserialize)]
    struct Category {
        name: Option<IgnoredAny>,
    }
    let Ok(text) = vovdet_files::read_bounded(path, super::MAX_BYTES) else { return false };
    let Ok(Survey { annotations, categories }) = serde_json::from_slice(&text) else { return false };
    let mut ids = HashSet::with_capacity(annotations.len());
    let once = |annotation: &Annotation| annotation.id.is_some_and(|id| ids.insert(id));
    !annotations.iter().all(once) || categories.iter().any(|category| category.name.is_none())
}

/// Gives every annotation an id of its own and says how many had none. What they are stays as in pycocotools, which looks
/// annotations up by id: each is the last one that has its id, as often as the id comes.
pub fn resolve(data: &mut Dataset) -> usize {
    let annotations = &mut data.annotations;
    let last: HashMap<u64, usize> = annotations.iter().enumerate().map(|(index, a)| (a.id, index)).collect();
    let repeated = annotations.len() - last.len();
    if repeated == 0 {
        return 0;
    }
    let images: HashSet<u64> = data.images.iter().map(|image| image.id).collect();
    let categories: HashSet<u64> = data.categories.iter().map(|category| category.id).collect();
    let mut fresh = annotations.iter().map(|a| a.id).max().unwrap_or(0);
    let meant: Vec<_> = annotations.iter().map(|a| last[&a.id]).collect();
    let mut resolved: Vec<_> = annotations
        .iter()
        .zip(&meant)
        .enumerate()
        // Those of strange images and categories are never looked up.
        .filter(|(_, (a, _))| images.contains(&a.image_id) && categories.contains(&a.category_id))
        .map(|(index, (asked, meant))| {
            let mut annotation = annotations[*meant].clone();
            if *meant != index {
                fresh += 1;
                annotation.id = fresh;
            }
            (asked.image_id, annotation)
        })
        .collect();
    // pycocotools goes through the images by id. Of objects that are overlapped equally the order decides.
    resolved.sort_by_key(|(image, _)| *image);
    data.annotations = resolved.into_iter().map(|(_, annotation)| annotation).collect();
    repeated
}
