// Pictures made small before they leave the device: the middle square, as JPEG, without anything else that the file
// held.

import { toBase64 } from './bytes.js';

/** As large as the node keeps it, twice, for the sake of its own method. */
const SIDE = 512;
const QUALITY = 0.9;

/**
 * The middle of a picture file, in Base64.
 * @param {Blob} file
 * @returns {Promise<string>}
 */
export async function pictureShrink(file) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error('This file cannot be read as a picture. Choose a PNG, JPEG or WebP file.');
  });
  const from = Math.min(bitmap.width, bitmap.height);
  const side = Math.max(1, Math.min(SIDE, from));
  const canvas = document.createElement('canvas');
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext('2d');
  if (context === null) {
    throw new Error('This browser cannot make the picture smaller.');
  }
  // JPEG knows no transparency: what shines through is paper.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, side, side);
  context.drawImage(bitmap, (bitmap.width - from) / 2, (bitmap.height - from) / 2, from, from, 0, 0, side, side);
  bitmap.close();
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => {
    canvas.toBlob(resolve, 'image/jpeg', QUALITY);
  });
  if (blob === null) {
    throw new Error('This browser cannot make the picture smaller.');
  }
  return toBase64(new Uint8Array(await blob.arrayBuffer()));
}
