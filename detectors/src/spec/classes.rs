//! What the network's outputs are called.

use serde::{Deserialize, Serialize};
use vovdet_pretrained::classes;

/// A foreground class: the data set's category id and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// Category id in the data set (COCO's ids have gaps).
    pub id: u32,
    /// Name for people.
    pub name: String,
}

impl Class {
    /// The class table of a detector with `foreground` classes when nobody gives one.
    ///
    /// 80 is COCO in contiguous order, 90 is COCO by raw category id (torchvision), 20 is VOC, and any other number is
    /// `class 1`, `class 2`, … with ids from 1 (docs/reference/mask_rcnn.md §11).
    pub fn table(foreground: usize) -> Vec<Self> {
        let coco = classes::coco();
        match foreground {
            80 => coco.iter().map(|&(id, name)| Self { id, name: name.into() }).collect(),
            90 => (1..=90)
                .map(|id| {
                    let known = coco.iter().find(|c| c.0 == id);
                    Self { id, name: known.map_or_else(|| format!("unused {id}"), |c| c.1.into()) }
                })
                .collect(),
            20 => Self::from_names(classes::voc().iter().copied()),
            n => Self::from_names((1..=n).map(|i| format!("class {i}"))),
        }
    }

    /// Classes with ids from 1 in the order of their names.
    pub fn from_names<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Vec<Self> {
        (1..).zip(names).map(|(id, name)| Self { id, name: name.into() }).collect()
    }
}
