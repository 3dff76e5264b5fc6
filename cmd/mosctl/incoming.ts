import type { Reference } from '../../pkg/oci/index.ts';
import { plan, reading, root } from '../cli/common.ts';

/** Arguments and options of the commands that take a signed manifest in. */
export const incomingArguments = {
  ref: {
    kind: 'reference',
    value: 'REF',
    help: 'the install manifest: host[:port]/name:tag, oci:DIR:TAG, zot:ROOT:name:tag',
  },
} as const;

export const ca = {
  kind: 'path',
  value: 'FILE',
  aliases: ['capath'],
  help: 'the manifest CA (PEM); when given, it alone counts [<root>/factory/secure/manifestCA.pem]',
} as const;

export const incomingOptions = {
  root,
  plan,
  ca,
  product: {
    kind: 'text',
    value: 'PRODUCT',
    help: 'what this machine is, where it has no identity certificate',
  },
  ...reading,
  fromMirror: {
    kind: 'list',
    value: 'URL',
    help: 'ask this machine or registry for images first: https://host[:port], http://host[:port]; may be given several times',
  },
} as const;

type Given = {
  readonly root: string;
  readonly plan: boolean;
  readonly ca: string | undefined;
  readonly product: string | undefined;
  readonly plainHttp: boolean;
  readonly registryCa: string | undefined;
  readonly fromMirror: readonly string[];
};

/** What the use case takes. */
export const toIncoming = (
  { plainHttp, registryCa, fromMirror, ...options }: Given,
  reference: Reference,
  signal: AbortSignal,
  builtAt: Date,
) => ({ ...options, reference, access: { plainHttp, registryCa, mirrors: fromMirror, signal }, builtAt });
