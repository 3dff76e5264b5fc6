/**
 * How a tar is compressed, by its first four bytes: gzip (RFC 1952) and zstd (RFC 8878, which may begin with a frame to
 * skip). undefined: it is not. containerd and docker look at these too: media types of real images are wrong at times.
 */
export function tarCompressionOf(start: Uint8Array): 'gzip' | 'zstd' | undefined {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  const isFrame = start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd;
  const isSkipped =
    ((start[0] ?? 0) & 0xf0) === 0x50 && start[1] === 0x2a && start[2] === 0x4d && start[3] === 0x18;
  return isFrame || isSkipped ? 'zstd' : undefined;
}

/** As many bytes tell it. */
export const tarMagicSize = 4;
