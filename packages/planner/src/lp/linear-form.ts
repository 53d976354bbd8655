/** `constant + sum of coefficient * variable`. */
export interface LinearForm<Name extends string = string> {
  readonly constant: number
  readonly coefficients: Readonly<Partial<Record<Name, number>>>
}

/** A form from its parts. */
export function linearForm<Name extends string>(
  coefficients: Readonly<Partial<Record<Name, number>>>,
  constant = 0,
): LinearForm<Name> {
  return { constant, coefficients }
}

/** The terms of a form that are there. */
export function termsOf<Name extends string>({ coefficients }: LinearForm<Name>): [name: Name, coefficient: number][] {
  return (Object.entries(coefficients) as [Name, number | undefined][]).flatMap(([name, coefficient]) =>
    coefficient === undefined ? [] : [[name, coefficient]],
  )
}

/** The sum of forms. */
export function sumForms<Name extends string>(forms: readonly LinearForm<Name>[]): LinearForm<Name> {
  const coefficients: Partial<Record<Name, number>> = {}
  let constant = 0
  for (const form of forms) {
    constant += form.constant
    for (const [name, coefficient] of termsOf(form)) coefficients[name] = (coefficients[name] ?? 0) + coefficient
  }
  return { constant, coefficients }
}

/** A form times a number. */
export function scaleForm<Name extends string>(form: LinearForm<Name>, factor: number): LinearForm<Name> {
  const coefficients: Partial<Record<Name, number>> = {}
  for (const [name, coefficient] of termsOf(form)) coefficients[name] = factor * coefficient
  return { constant: factor * form.constant, coefficients }
}

/** The value of a form at a point. */
export function evaluateForm<Name extends string>(
  form: LinearForm<Name>,
  point: Readonly<Record<NoInfer<Name>, number>>,
): number {
  return termsOf(form).reduce((sum, [name, coefficient]) => sum + coefficient * point[name], form.constant)
}
