# What of the ports tree the port uses, as the Porter's Handbook has it, for bmake(1) without FreeBSD: %%NAME%% in the
# files of SUB_FILES and USE_RC_SUBR, rc.d scripts into the stage and the plist, a compressed manual. What a real tree
# does besides (dependencies, distfiles, quality checks of the stage) is not tested with it.
PREFIX?=	/usr/local
FILESDIR=	${.CURDIR}/files
TMPPLIST=	${WRKDIR}/.PLIST.mktmp
PKGNAME=	${PORTNAME}-${DISTVERSION}

stage: sub-files do-install stage-rc compress-man

sub-files:
.for file in ${SUB_FILES} ${USE_RC_SUBR}
	@sed -e 's|%%PREFIX%%|${PREFIX}|g' ${FILESDIR}/${file}.in >${WRKDIR}/${file}
.endfor

stage-rc: do-install
	@mkdir -p ${STAGEDIR}${PREFIX}/etc/rc.d
.for file in ${USE_RC_SUBR}
	@install -m 555 ${WRKDIR}/${file} ${STAGEDIR}${PREFIX}/etc/rc.d/${file}
	@echo "@(root,wheel,0555) etc/rc.d/${file}" >>${TMPPLIST}
.endfor

compress-man: do-install
	@find ${STAGEDIR}${PREFIX}/share/man -type f -exec gzip -n {} +
