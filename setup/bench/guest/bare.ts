import type { MountRequest } from './request.ts';

// The same mounts with the usual programs, nothing verified but what dm-verity itself does.

const base = '/tmp/bare';

export function renderBareMount({ layers }: MountRequest): string {
  const places = layers.map((_, index) => `${base}/${index}`);
  const each = layers.map(
    ({ file, verityRoot, hashOffset }, index) =>
      `loop=$(losetup --find --show --read-only ${file})
veritysetup open --hash-offset=${hashOffset} $loop bare-${index} $loop ${verityRoot}
mount -t squashfs -o ro /dev/mapper/bare-${index} ${places[index]}
`,
  );
  const lower = places.toReversed().join(':');
  return `${each.join('')}mount -t tmpfs tmpfs ${base}/changes
mkdir ${base}/changes/upper ${base}/changes/work
mount -t overlay -o lowerdir=${lower},upperdir=${base}/changes/upper,workdir=${base}/changes/work overlay ${base}/at
`;
}

/** The folders that the mounts need are there before. */
export const renderBareFolders = ({ layers }: MountRequest): string =>
  `mkdir -p ${['at', 'changes', ...layers.keys()].map((name) => `${base}/${name}`).join(' ')}\n`;

export const renderBareUnmount = ({ layers }: MountRequest): string =>
  `umount ${base}/at ${base}/changes
${layers.map((_, index) => `umount ${base}/${index}\nveritysetup close bare-${index}\n`).join('')}losetup --detach-all
`;
