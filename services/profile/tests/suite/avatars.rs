//! Pictures over HTTP: what is taken, what is served, what is refused.

use axum::http::StatusCode;
use image::ImageFormat;
use imajin_did::Did;
use imajin_store::{StoreError, mutation};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::{AVATAR, PROFILE, World, path_of, picture};

on_both!(
    a_picture_is_written_anew_and_served_by_its_hash,
    a_picture_is_replaced_and_removed,
    a_file_of_almost_five_mebibytes_is_taken,
    the_original_is_not_kept,
    what_is_no_picture_is_refused,
    only_a_few_pictures_are_on_their_way_in,
);

async fn a_picture_is_written_anew_and_served_by_its_hash(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let view = world.avatar(&ada, &picture(format, 300, 200)).await;
        let view = view.expect(StatusCode::OK).json();
        for (member, side) in [("avatar", 256), ("avatarSmall", 64)] {
            let answer = world.get(None, &path_of(&view[member])).await;
            answer.expect(StatusCode::OK);
            assert_eq!(answer.header("content-type"), "image/jpeg");
            assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("content-security-policy"), "default-src 'none'; sandbox");
            let read = image::load_from_memory_with_format(&answer.body, ImageFormat::Jpeg).unwrap();
            assert_eq!((read.width(), read.height()), (side, side));
            if side == 256 {
                let hash = imajin_proof::digest::sha256_hex(&answer.body);
                assert!(path_of(&view[member]).contains(&hash));
            }
        }
    }
    let view = world.read(None, "ada").await.json();
    let path = path_of(&view["avatar"]);
    for wrong in [
        path.replace("256", "255"),
        path.replace(".jpg", ".svg"),
        path.replace("avatars/", "avatars/0"),
    ] {
        world.get(None, &wrong).await.expect(StatusCode::NOT_FOUND);
    }
    assert_eq!(world.audit().await, []);
}

async fn a_picture_is_replaced_and_removed(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let first = world.avatar(&ada, &picture(ImageFormat::Png, 20, 20)).await.json();
    let second = world.avatar(&ada, &picture(ImageFormat::Png, 40, 300)).await.json();
    assert_ne!(first["avatar"], second["avatar"]);
    world
        .get(None, &path_of(&first["avatar"]))
        .await
        .expect(StatusCode::NOT_FOUND);
    world
        .get(None, &path_of(&second["avatarSmall"]))
        .await
        .expect(StatusCode::OK);
    for _twice in 0..2 {
        let removed = world.change(&ada, "DELETE", AVATAR, &json!(null)).await;
        assert_eq!(removed.expect(StatusCode::OK).json()["avatar"], Value::Null);
    }
    world
        .get(None, &path_of(&second["avatar"]))
        .await
        .expect(StatusCode::NOT_FOUND);
    assert_eq!(world.audit().await, []);
    // Sent twice with one key, it is set once.
    let body = crate::world::avatar_body(&picture(ImageFormat::WebP, 30, 30));
    for replayed in ["", "true"] {
        let signed = world.sign(&ada, "PUT", AVATAR, Some("k"), &body);
        let answer = world.send_signed(&signed, &[]).await;
        assert_eq!(answer.expect(StatusCode::OK).header("idempotent-replayed"), replayed);
    }
    assert_eq!(world.audit().await, []);
}

async fn a_file_of_almost_five_mebibytes_is_taken(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    // Noise does not compress.
    let mut state = 7_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let image = image::RgbImage::from_fn(1_310, 1_300, |_x, _y| image::Rgb([noise(), noise(), noise()]));
    let mut file = std::io::Cursor::new(Vec::new());
    image.write_to(&mut file, ImageFormat::Png).unwrap();
    let file = file.into_inner();
    assert!((4_900_000..5 * 1024 * 1024).contains(&file.len()), "{}", file.len());
    let view = world.avatar(&ada, &file).await.expect(StatusCode::OK).json();
    let served = world.get(None, &path_of(&view["avatar"])).await;
    assert!(served.expect(StatusCode::OK).body.len() < 100_000);
}

async fn the_original_is_not_kept(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let file = crate::pictures::photo_with_place(60, 40);
    let view = world.avatar(&ada, &file).await.expect(StatusCode::OK).json();
    let served = world.get(None, &path_of(&view["avatar"])).await.body;
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(!holds(&served, b"52.5200N") && !holds(&served, b"Exif"));
    let object = format!("avatar/{}", ada.did());
    let logged: Result<_, StoreError> = world.db.read(move |conn| Ok(mutation::last_body(conn, &object)?)).await;
    let logged = logged.unwrap().unwrap();
    assert_eq!((logged.action.as_str(), logged.body), ("avatar.set", None));
    assert_eq!(logged.owner_did.parse::<Did>().unwrap(), ada.did());
    assert_eq!(world.audit().await, [], "the log says that the body was left out");
}

async fn what_is_no_picture_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(document.cookie)</script></svg>";
    let html = b"<!doctype html><script>alert(1)</script>";
    let gif = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;";
    let disguised = [b"\x89PNG\r\n\x1a\n".as_slice(), svg].concat();
    let refusals: [(&[u8], StatusCode); 6] = [
        (svg, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (html, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (gif, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (b"", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (&disguised, StatusCode::BAD_REQUEST),
        (&crate::pictures::bomb(), StatusCode::BAD_REQUEST),
    ];
    for (file, status) in refusals {
        world.avatar(&ada, file).await.expect(status);
    }
    let large = vec![0_u8; 5 * 1024 * 1024 + 4];
    world.avatar(&ada, &large).await.expect(StatusCode::PAYLOAD_TOO_LARGE);
    let larger = vec![0_u8; 6 * 1024 * 1024];
    world.avatar(&ada, &larger).await.expect(StatusCode::PAYLOAD_TOO_LARGE);
    let text = world
        .change(&ada, "PUT", AVATAR, &json!({"image": "not base64!"}))
        .await;
    assert_eq!(text.expect(StatusCode::BAD_REQUEST).json()["member"], "image");
    let profile = vec![b' '; 100 * 1024];
    let profile = json!({"version": 0, "displayName": "Ada", "bio": String::from_utf8(profile).unwrap()});
    let profile = world.change(&ada, "PUT", PROFILE, &profile).await;
    profile.expect(StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.get(Some(&ada.did()), PROFILE).await.json()["avatar"], Value::Null);
    assert_eq!(world.audit().await, []);
}

async fn only_a_few_pictures_are_on_their_way_in(backend: Backend) {
    let world = World::with(backend, |deps| deps.config.uploads_max = 0).await;
    let ada = world.person("ada");
    let refused = world.avatar(&ada, &picture(ImageFormat::Png, 8, 8)).await;
    refused.expect(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), "5");
    world
        .change(&ada, "DELETE", AVATAR, &json!({}))
        .await
        .expect(StatusCode::OK);
}
