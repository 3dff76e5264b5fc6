import { command } from '../cli/command.ts';
import { reading } from '../cli/common.ts';

export const manifestVerify = command({
  name: 'manifest verify',
  summary: 'Verify the chain and signature of a published manifest, as a machine would',
  arguments: { ref: { kind: 'reference', value: 'REF', help: 'the install manifest' } },
  options: {
    ca: { kind: 'path', value: 'FILE', aliases: ['capath'], required: true, help: 'the manifest CA (PEM)' },
    product: { kind: 'text', value: 'PRODUCT', help: 'accept this product only' },
    ...reading,
  },
  examples: ['mosb manifest verify --ca manifestCA.pem zot:repo:machine/web:1.0.0'],
  async run({ host, args, options, report, signal, builtAt }) {
    const { verifyPublished } = await import('../../pkg/system/index.ts');
    const { ca, product, plainHttp, registryCa } = options;
    const access = { plainHttp, registryCa, signal };
    return verifyPublished(
      host,
      args.ref,
      { ca, product, access, time: { now: host.clock.now(), builtAt } },
      report,
    );
  },
  render: (proof) =>
    [
      `${proof.reference} is signed for product ${proof.product}`,
      `  sha256 ${proof.sha}, ${proof.release === null ? 'no release' : `release ${proof.release}`}, security version ${proof.security_version}`,
      `  targets: ${proof.targets.join(', ')}`,
      ...proof.unknown.map((field) => `  warning: ${field} is not known to this version`),
    ].join('\n'),
});
