/** What the commands share, so that it is called the same everywhere. */
export const metadir = {
  kind: 'path',
  value: 'DIR',
  default: '/run/atomfs',
  help: 'where what is mounted is written down',
} as const;

export const mountpoint = { kind: 'path', value: 'MOUNTPOINT', help: 'where the image is mounted' } as const;
