//! The picture that a person looks at.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]

use baize_core::{HeatMap, PixelBox};
use baize_imaging::overlay::{Mark, annotate};
use baize_imaging::{Limits, decode, fit};
use baize_testkit::ObjectBuilder;
use ndarray::array;

const LIMITS: Limits = Limits { max_object_bytes: 64 << 20, max_pixels: 1 << 24 };

fn drawn(png: &[u8]) -> image::RgbImage {
    image::load_from_memory(png).unwrap().into_rgb8()
}

fn is_grey(pixel: &image::Rgb<u8>) -> bool {
    pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]
}

#[test]
fn heat_and_box_are_where_the_model_looked_and_nowhere_else() {
    let image = decode(&ObjectBuilder::chest(1).size(2048, 1024).build(), &LIMITS).unwrap();
    let fitted = fit(image.pixels.view(), 64, 64);
    // The image covers columns 16..48 of the canvas; the hot cell is the lower right quarter of it.
    let heat = array![[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
    let canvas = fitted.placement.canvas().unwrap();
    let map = HeatMap::new(4, 4, heat.iter().copied().collect(), canvas).unwrap();
    let region = map.region(2048, 1024);
    assert_eq!(region, Some(PixelBox { x: 512, y: 1024, width: 512, height: 1024 }));
    let mark = Mark { caption: "Pneumonia 0.87".into(), region, heat: Some(heat.view()) };
    let picture =
        drawn(&annotate(&image, &fitted.placement, &[mark], &["NOT FOR DIAGNOSIS".into()]).unwrap());
    assert_eq!(picture.width(), 512);
    assert!(picture.height() > 1024 + 30, "there is a band above and below");
    let band = (picture.height() - 1024) / 2;
    assert!(is_grey(picture.get_pixel(100, band + 200)), "far from the heat the image is grey");
    assert!(!is_grey(picture.get_pixel(384, band + 800)), "the heat is coloured");
}

#[test]
fn any_mark_on_any_image_can_be_drawn() {
    for (rows, columns) in [(1, 1), (1, 900), (900, 1), (64, 40), (1500, 1200)] {
        let image = decode(&ObjectBuilder::chest(1).size(rows, columns).build(), &LIMITS).unwrap();
        let placement = fit(image.pixels.view(), 32, 32).placement;
        let caption = "A caption that is longer than the picture is wide, with 中文 in it ".repeat(4);
        let outside = PixelBox { x: u32::MAX, y: u32::MAX, width: u32::MAX, height: u32::MAX };
        let marks: Vec<_> = [None, Some(outside), Some(PixelBox { x: 0, y: 0, width: 1, height: 1 })]
            .into_iter()
            .map(|region| Mark { caption: caption.clone(), region, heat: None })
            .collect();
        let picture = drawn(&annotate(&image, &placement, &marks, std::slice::from_ref(&caption)).unwrap());
        assert!(picture.width() <= 1024, "{rows} x {columns}");
    }
}
