//! `vovdet data inspect`.

use crate::cli::Outcome;
use crate::cli::console::Console;
use crate::cli::names::in_table;
use crate::cli::table::Columns;
use anyhow::Result;
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;
use vovdet_datasets::inspect::{Form, Inspection, inspect};

/// Lines of a list that are shown without --json.
const SHOWN: usize = 8;

/// Show what a data set holds and what is wrong with it: counts, sizes, classes, bad boxes, missing files, duplicates.
#[derive(Debug, Args)]
#[command(after_long_help = "\
PATH is a COCO annotation file, a folder with some in `annotations`, a VOC folder, a YOLO folder or its data.yaml,
or a folder of images. The exit code is 0 whatever is found: what is wrong with a data set is the answer, not a
failure. With --strict it is 1 when something is wrong.

Examples:
  vovdet data inspect VOC2007
  vovdet data inspect annotations/instances_val2017.json --images val2017
  vovdet data inspect yolo/data.yaml --deep --strict
  vovdet data inspect photos --json | python3 -m json.tool")]
pub struct Inspect {
    /// The data set.
    path: PathBuf,
    /// Where the images of a COCO annotation file are [default: beside it, as COCO's folders are].
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Decode every image, to find those that are cut short or damaged.
    #[arg(long)]
    deep: bool,
    /// End with the exit code 1 when something is wrong.
    #[arg(long)]
    strict: bool,
    /// A JSON object per data set, with everything, instead of text.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Does what was asked for.
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        let found = inspect(&self.path, self.images.as_deref(), self.deep)?;
        for (index, data) in found.iter().enumerate() {
            if self.json {
                console.json_line(data)?;
            } else {
                let gap = if index > 0 { "\n" } else { "" };
                console.data(&format!("{gap}{}", text(data)))?;
            }
        }
        let sound = found.iter().all(|data| data.problems.is_empty());
        Ok(if sound || !self.strict { Outcome::All } else { Outcome::Part })
    }
}

fn text(data: &Inspection) -> String {
    let form = match data.form {
        Form::Coco => "COCO annotations",
        Form::Voc => "VOC folder",
        Form::Yolo => "YOLO labels",
        Form::Images => "images without annotations",
    };
    let mut text = format!("{} ({form})\n", data.path.display());
    let mut line = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<14}{value}");
    };
    let few = |items: Vec<String>| {
        let more = items.len().saturating_sub(SHOWN);
        let shown = items.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{shown} and {more} more") } else { shown }
    };
    let empty = if data.form != Form::Images && data.images_without_objects > 0 {
        format!(", {} without objects", data.images_without_objects)
    } else {
        String::new()
    };
    line("images", format!("{}{empty}", data.images));
    let sizes = data.image_sizes.iter().map(|s| format!("{}x{} ({})", s.width, s.height, s.images));
    line("image sizes", few(sizes.collect()));
    if data.form == Form::Coco {
        let folder = data.image_folder.as_ref().map(|folder| folder.display().to_string());
        line("image folder", folder.unwrap_or_else(|| "not found; say where the images are with --images".into()));
    }
    if !data.splits.is_empty() {
        line("splits", few(data.splits.iter().map(|(name, n)| format!("{name} {n}")).collect()));
    }
    if data.form != Form::Images {
        let extra = [(data.crowds, "crowds"), (data.difficult, "difficult")];
        let extra: String = extra.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}")).collect();
        line("objects", format!("{}{extra}", data.objects));
        let list = |map: &std::collections::BTreeMap<&str, usize>| {
            map.iter().map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", ")
        };
        line("object sizes", list(&data.object_sizes));
        if !data.masks.is_empty() {
            line("masks", list(&data.masks));
        }
        let used = data.classes.iter().filter(|(_, class)| class.objects > 0).count();
        line("classes", format!("{}, {used} of them with objects", data.classes.len()));
        let mut table = Columns::new([0, 2]);
        for (name, class) in data.classes.iter().filter(|(_, class)| class.objects > 0) {
            let (objects, images) = (class.objects.to_string(), format!("in {} images", class.images));
            table.row([format!("    {}", in_table(name)), objects, images]);
        }
        if used > 0 {
            let _ = writeln!(text, "{}", table.text());
        }
    }
    let _ = write!(text, "  {:<14}", "problems");
    if data.problems.is_empty() {
        text += "none found";
    }
    for problem in &data.problems {
        let more = if problem.count > problem.examples.len() { ", …" } else { "" };
        let _ = write!(text, "\n    {} {}: {}{more}", problem.count, problem.what, problem.examples.join(", "));
    }
    text
}
