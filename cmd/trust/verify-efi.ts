import { command } from '../cli/command.ts';

export const verifyEfi = command({
  name: 'verify efi',
  summary: 'Verify the signature of an EFI file over its every byte',
  arguments: { file: { kind: 'path', value: 'EFI', help: 'the signed file' } },
  options: {
    cert: {
      kind: 'path',
      value: 'FILE',
      required: true,
      help: 'the certificate of the signer, or of a CA above it (PEM)',
    },
  },
  async run({ host, args, options }) {
    const trust = await import('../../pkg/trust/index.ts');
    return trust.verifyEfi(host, args.file, options.cert);
  },
  render: ({ file, signer }) => `${file} is signed by "${signer}"`,
});
