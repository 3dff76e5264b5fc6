/** Options that many commands share, so that they are called the same everywhere. */
export const root = {
  kind: 'path',
  value: 'DIR',
  short: 'r',
  aliases: ['rfs'],
  default: '/',
  help: 'the root of the machine: its directories are looked for below it',
} as const;

export const integrity = {
  kind: 'choice',
  value: 'MODE',
  choices: ['verity', 'digest'],
  help: 'how mounted layers are checked: verity (dm-verity, the default), or digest (hashed whole before the mount, for development hosts without device-mapper)',
} as const;

export const plan = { kind: 'flag', help: 'print the steps and the bytes, and change nothing' } as const;

/** For what reads from a registry. */
export const reading = {
  plainHttp: { kind: 'flag', help: 'talk http to registries, without TLS' },
  registryCa: { kind: 'path', value: 'FILE', help: 'certificates (PEM) of the CA of the registry' },
} as const;
