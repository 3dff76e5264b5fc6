import type { InstallResult, OperationPlan, UpdateResult } from '../../pkg/system/index.ts';
import { size } from '../cli/progress.ts';
import { renderChanges, shortDigest } from './changes.ts';
import { renderTable } from './table.ts';

/** `--plan`: the steps and the bytes. */
export function renderPlan(plan: OperationPlan): string {
  const { bytes, esp } = plan;
  const rest = bytes.partial === 0 ? '' : `, ${size(bytes.partial)} of them left by an interrupted run`;
  return [
    `${plan.operation}${plan.reference === null ? '' : ` of ${plan.reference}`} would`,
    ...(plan.steps.length === 0
      ? ['  change nothing']
      : plan.steps.map((step, index) => `  ${index + 1}. ${step}`)),
    `images: ${size(bytes.total)}, to fetch ${size(bytes.missing)}${rest}`,
    ...(esp === undefined
      ? []
      : [`ESP: ${size(esp.takes)} to write, ${size(esp.frees)} to remove, ${size(esp.free)} free`]),
    'changes:',
    renderChanges(plan.changes),
  ].join('\n');
}

const targetTable = (targets: InstallResult['targets']): string =>
  renderTable(
    ['target', 'version', 'type', 'image'],
    targets.map(({ name, version, type, digest }) => [name, version, type, shortDigest(digest)]),
  );

export function renderInstalled(result: InstallResult | OperationPlan): string {
  if ('operation' in result) return renderPlan(result);
  const release = result.release === null ? '' : `, release ${result.release}`;
  return [
    `installed ${result.reference} below ${result.root} as generation ${result.generation}${release}`,
    `  product ${result.product} (${originWords[result.productOrigin] ?? result.productOrigin})`,
    `  images ${size(result.bytes.total)}, fetched ${size(result.bytes.missing)}`,
    targetTable(result.targets),
  ].join('\n');
}

const originWords: Readonly<Record<string, string>> = {
  sudi: 'by its identity certificate',
  option: 'as the installer said',
  'first install': 'fixed by this install',
};

export function renderUpdated(result: UpdateResult | OperationPlan): string {
  if ('operation' in result) return renderPlan(result);
  if (!result.changed)
    return `nothing changed: generation ${result.generation} is ${result.reference} already`;
  const release = result.release === null ? '' : `, release ${result.release}`;
  return [
    `updated to ${result.reference} as generation ${result.generation}${release}`,
    renderChanges(result.changes),
    `  images ${size(result.bytes.total)}, fetched ${size(result.bytes.missing)}`,
    ...(result.needsReboot ? ['  the next boot makes it real'] : []),
  ].join('\n');
}
