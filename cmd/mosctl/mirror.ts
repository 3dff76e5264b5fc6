import { root } from '../cli/common.ts';
import { remoteCommand } from './remote.ts';

const render = ({ mirrors }: { readonly mirrors: readonly string[] }): string => mirrors.join('\n');

export const mirrorList = remoteCommand(
  {
    name: 'mirror ls',
    summary: 'List the mirrors that are asked for images before the registry is',
    options: { root },
    async run({ host, options }) {
      const use = await import('../../pkg/system/index.ts');
      return use.listMirrors(host, options);
    },
    render,
  },
  () => ({ method: 'GET', path: '/v1/mirrors' }),
);

const url = { kind: 'text', value: 'URL', help: 'https://host[:port] or http://host[:port]' } as const;

export const mirrorAdd = remoteCommand(
  {
    name: 'mirror add',
    summary: 'Ask a machine or registry for images before the one that a reference names',
    description:
      'It need not be trusted: bytes are compared with the digests that were signed, and one that lies, is slow, breaks or is gone is left for the registry.',
    arguments: { url },
    options: { root },
    examples: ['mosctl mirror add https://10.0.0.7:8444'],
    async run({ host, args, options }) {
      const use = await import('../../pkg/system/index.ts');
      return use.changeMirrors(host, { ...options, add: args.url });
    },
    render,
  },
  ({ args }) => ({ method: 'POST', path: '/v1/mirrors', body: { add: args.url } }),
);

export const mirrorRemove = remoteCommand(
  {
    name: 'mirror remove',
    summary: 'Ask a mirror no longer',
    arguments: { url },
    options: { root },
    async run({ host, args, options }) {
      const use = await import('../../pkg/system/index.ts');
      return use.changeMirrors(host, { ...options, remove: args.url });
    },
    render,
  },
  ({ args }) => ({ method: 'POST', path: '/v1/mirrors', body: { remove: args.url } }),
);
