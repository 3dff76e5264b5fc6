import { command } from '../cli/command.ts';

export const signEfi = command({
  name: 'sign efi',
  summary: 'Sign an EFI file for Secure Boot',
  description: 'The same file and key give the same bytes. The result is verified before OUTPUT is written.',
  arguments: { file: { kind: 'path', value: 'EFI', help: 'the file to sign' } },
  options: {
    key: { kind: 'path', value: 'FILE', required: true, help: 'the private key (PEM)' },
    cert: { kind: 'path', value: 'FILE', required: true, help: 'its certificate (PEM)' },
    output: { kind: 'path', value: 'FILE', required: true, help: 'where the signed file goes' },
  },
  async run({ host, args, options }) {
    const trust = await import('../../pkg/trust/index.ts');
    return trust.signEfi(host, args.file, options.output, { key: options.key, certificate: options.cert });
  },
  render: ({ file, signer }) => `signed ${file} as "${signer}"`,
});
